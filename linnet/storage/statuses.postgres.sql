-- Reason: on PostgreSQL writes run side by side, so what one decides on must not be deleted meanwhile; SQLite has one writer.

-- name: parent
select s.id, s.account_id, s.thread_id, s.in_reply_to_account_id, s.visibility, s.local_only from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and s.reblog_of_id is null and {visible} for key share of s;

-- name: target
-- The weakest lock: many may act on a status at once and count, but whoever deletes it comes before or after them all.
select s.id, s.account_id, s.thread_id, s.visibility, s.reblog_of_id, s.in_reply_to_id from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and {visible} for key share of s;

-- name: own
-- The strongest lock, at once: a weaker one that were raised for a deletion would wait for those who wait for it.
select s.id, s.account_id, s.thread_id, s.visibility, s.reblog_of_id, s.in_reply_to_id from statuses s
where s.id = :id and s.account_id = :account_id for update of s;
