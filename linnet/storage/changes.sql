-- name: append
insert into changes (at, kind, account_id, subject_id) values (:at, :kind, :account_id, :subject_id);

-- name: read
-- The log's end (where all that stands before it is certain), the last position that was pruned, and the rows behind
-- :sequence: one statement, so one snapshot. SQLite writes one transaction after another: the sequence is their order.
select e.timeline, e.top, e.sequence, e.settled, e.pruned,
  c.timeline, c.transaction_id, c.sequence, c.at, c.kind, c.account_id, c.subject_id
from (
  select 0 as timeline, 0 as top, coalesce((select seq from sqlite_sequence where name = 'changes'), 0) as sequence,
    1 as settled, (select value from settings where key = 'changes.pruned') as pruned
) e
left join (
  select * from changes where sequence > :sequence and :timeline >= 0 and :transaction >= 0
  order by sequence limit :limit
) c on true
order by c.sequence;

-- name: oldest
select timeline, transaction_id, sequence, at from changes order by sequence limit :limit;

-- name: prune
delete from changes where sequence <= :sequence and :timeline >= 0 and :transaction >= 0;

-- name: set_pruned
insert into settings (key, value) values ('changes.pruned', :position)
on conflict (key) do update set value = excluded.value;
