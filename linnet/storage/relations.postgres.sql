-- Reason: on PostgreSQL writes run side by side, so the rows that they decide on are locked; SQLite has one writer.

-- name: lock
select a.id, a.locked, a.suspended_at, a.silenced_at, a.followers, a.following from accounts a
where a.id in (:ids...) order by a.id for no key update;
