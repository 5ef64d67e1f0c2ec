-- Reason: on PostgreSQL writes run side by side, so that two votes must count one after the other; SQLite has one writer.

-- name: taken
select account_id, expires_at, voters, counts from polls where status_id = :status_id for update;
