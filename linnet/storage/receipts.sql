-- name: open
-- Files the operation, or finds it: the upsert always writes a row, so that a retry waits for the second machine too.
insert into receipts (key, created_at, seen_at) values (:key, :now, :now)
on conflict (key) do update set seen_at = excluded.seen_at
returning result;

-- name: close
-- Keeps the answer, for whoever asks the same again.
update receipts set result = :result where key = :key;

-- name: file
-- The same for one of several operations, whose answers are asked for together.
insert into receipts (key, created_at, seen_at) values (:key, :now, :now)
on conflict (key) do update set seen_at = excluded.seen_at;

-- name: filed
select key, result from receipts where key in (:keys...) and result is not null;

-- name: known
-- What was answered to an operation, for whoever only looks: it may not be on a second machine, so nobody is told so.
select result from receipts where key = :key and result is not null;
