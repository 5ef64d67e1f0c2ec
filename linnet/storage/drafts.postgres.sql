-- Reason: on PostgreSQL writes run side by side, so that a draft that is posted must not be changed meanwhile.

-- name: taken
select id, account_id, content, scheduled_at, updated_at from drafts where id = :id for update;
