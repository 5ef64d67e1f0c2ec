-- Reason: on PostgreSQL rows become visible out of the order of their numbers, and after a failover a new timeline begins.

-- name: read
-- A transaction's number is given before it commits: only what stands below the oldest one still open is certain.
select e.timeline, e.top, e.sequence, e.settled, e.pruned,
  c.timeline, c.transaction_id, c.sequence, c.at, c.kind, c.account_id, c.subject_id
from (
  select case when pg_is_in_recovery() then coalesce((select max(timeline) from changes where timeline > 0), 0)
      else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end as timeline,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 as top, 9223372036854775807 as sequence,
    case when pg_is_in_recovery() then 0 else 1 end as settled,
    (select value from settings where key = 'changes.pruned') as pruned
) e
left join (
  select * from changes
  where timeline > 0 and (timeline, transaction_id, sequence) > (:timeline, :transaction, :sequence)
    and transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  order by timeline, transaction_id, sequence limit :limit
) c on true
order by c.timeline, c.transaction_id, c.sequence;

-- name: oldest
select timeline, transaction_id, sequence, at from changes where timeline > 0
order by timeline, transaction_id, sequence limit :limit;

-- name: prune
delete from changes
where timeline > 0 and (timeline, transaction_id, sequence) <= (:timeline, :transaction, :sequence);
