-- name: add
-- A post was acknowledged under this id, and became the status with the other one.
insert into status_aliases (id, status_id) values (:id, :status_id)
on conflict (id) do update set status_id = excluded.status_id;

-- name: of
-- The statuses that ids mean which no status has.
select id, status_id from status_aliases where id in (:ids...);

-- name: forget
-- The status that they mean is gone.
delete from status_aliases where status_id = :status_id;
