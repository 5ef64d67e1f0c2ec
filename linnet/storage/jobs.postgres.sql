-- Reason: several workers claim at once on PostgreSQL, and must step over each other's rows instead of waiting for them.

-- name: claim
update jobs set run_at = :until, lease = :lease, attempts = attempts + 1
where id in (select j.id from jobs j where j.dead_at is null and j.run_at <= :now and j.kind not in (:but...)
    and (j.run_at <= :others or (j.id >> 12) & 1023 = :place)
  order by j.run_at, j.id limit :limit for update skip locked)
returning id, kind, payload, attempts, lease;

-- name: take
select j.id, j.kind, j.payload, j.attempts, coalesce(j.lease, 0) from jobs j
where j.dead_at is null and j.run_at <= :now and j.kind = :kind
  and (j.run_at <= :others or (j.id >> 12) & 1023 = :place)
order by j.run_at, j.id limit :limit
for update skip locked;
