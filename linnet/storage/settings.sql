-- name: get
select value from settings where key = :key;

-- name: put_new
-- Whoever comes first decides: of several processes that start at once, all go on with the same value.
insert into settings (key, value) values (:key, :value) on conflict (key) do nothing;

-- name: put
insert into settings (key, value) values (:key, :value) on conflict (key) do update set value = excluded.value;

-- name: highest
-- The highest id of each kind that every start-up can afford to look for, and the last time that anything happened.
select coalesce((select max(id) from accounts), 0), coalesce((select max(id) from statuses), 0),
  coalesce((select max(id) from notifications), 0), coalesce((select max(id) from media_attachments), 0),
  coalesce((select max(id) from jobs), 0), coalesce((select max(id) from apps), 0),
  coalesce((select max(at) from changes), 0), coalesce((select max(created_at) from receipts), 0);
