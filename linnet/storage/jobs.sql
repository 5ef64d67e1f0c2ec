-- name: add
-- `once` names work that is to be done once however often it is asked for; null for all other.
insert into jobs (id, kind, payload, once, run_at) values (:id, :kind, :payload, :once, :run_at)
on conflict (once) do nothing;

-- name: put
-- The same; one of that name that waits already is due at the new time. One that runs sees for itself.
insert into jobs (id, kind, payload, once, run_at) values (:id, :kind, :payload, :once, :run_at)
on conflict (once) do update set run_at = excluded.run_at where jobs.lease is null;

-- name: drop
delete from jobs where once = :once and lease is null;

-- name: due_kinds
-- What kinds are among the jobs that are due first: a read, so that an idle worker writes nothing. Jobs that were added
-- at another :place than ours are left to that one until they have been due since :others.
select distinct d.kind from (
  select j.kind from jobs j where j.dead_at is null and j.run_at <= :now
    and (j.run_at <= :others or (j.id >> 12) & 1023 = :place)
  order by j.run_at, j.id limit :limit
) d;

-- name: take
-- Jobs of a kind that are due, for the transaction that does them: no lease, because none of them outlives it.
select j.id, j.kind, j.payload, j.attempts, coalesce(j.lease, 0) from jobs j
where j.dead_at is null and j.run_at <= :now and j.kind = :kind
  and (j.run_at <= :others or (j.id >> 12) & 1023 = :place)
order by j.run_at, j.id limit :limit;

-- name: done
delete from jobs where id in (:ids...);

-- name: claim
-- Leases the jobs that are due; run_at becomes the end of the lease, when another worker may take them over.
update jobs set run_at = :until, lease = :lease, attempts = attempts + 1
where id in (select j.id from jobs j where j.dead_at is null and j.run_at <= :now and j.kind not in (:but...)
    and (j.run_at <= :others or (j.id >> 12) & 1023 = :place)
  order by j.run_at, j.id limit :limit)
returning id, kind, payload, attempts, lease;

-- name: inherit
-- A lease is an id and tells by whom it was taken (domain/ids.py): whoever has that place now knows its holder to be dead.
update jobs set run_at = :now, lease = null where dead_at is null and (lease >> 12) & 1023 = :place;

-- name: extend
-- The heartbeat of work that takes long.
update jobs set run_at = :until where id = :id and lease = :lease;

-- name: finish
-- Only whoever still holds the lease may finish.
delete from jobs where id = :id and lease = :lease;

-- name: proceed
-- A part is done: the rest is due at once, or when its time has come again.
update jobs set payload = :payload, run_at = :run_at, lease = null, attempts = 0 where id = :id and lease = :lease;

-- name: retry
update jobs set run_at = :run_at, lease = null, error = :error where id = :id and lease = :lease;

-- name: bury
-- A dead job is kept and shown, never dropped; one like it may be added again.
update jobs set dead_at = :now, lease = null, error = :error, once = null where id = :id and lease = :lease;

-- name: dead
select id, kind, payload, attempts, error, dead_at from jobs where dead_at is not null order by dead_at desc limit :limit;

-- name: waiting
select id, kind, payload, attempts, error, run_at from jobs where dead_at is null order by run_at, id limit :limit;

-- name: revive_all
update jobs set dead_at = null, run_at = :now, attempts = 0 where dead_at is not null;

-- name: revive
update jobs set dead_at = null, run_at = :now, attempts = 0 where id = :id and dead_at is not null;

-- name: backlog
-- How many wait that are due, how many are dead, and since when the oldest waits.
select count(*) filter (where dead_at is null and run_at <= :now), count(*) filter (where dead_at is not null),
  min(run_at) filter (where dead_at is null) from jobs;
