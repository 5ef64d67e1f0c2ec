-- name: of
select timeline, last_read_id, version, updated_at from markers
where account_id = :account_id and timeline in (:timelines...);

-- name: one
select last_read_id from markers where account_id = :account_id and timeline = :timeline;

-- name: put
-- One statement, so that two at once both count: the later one stands, and its version is one higher.
insert into markers (account_id, timeline, last_read_id, version, updated_at)
values (:account_id, :timeline, :last_read_id, 0, :now)
on conflict (account_id, timeline) do update set last_read_id = excluded.last_read_id,
  version = markers.version + 1, updated_at = excluded.updated_at
returning timeline, last_read_id, version, updated_at;
