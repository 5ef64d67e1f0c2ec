-- Reason: on PostgreSQL writes run side by side, so that two reactions must count one after the other.

-- name: taken
select reactions from statuses where id = :id for no key update;
