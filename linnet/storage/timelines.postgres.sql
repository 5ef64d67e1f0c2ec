-- Reason: PostgreSQL would ask a subquery with a limit of its own once for every status there is; it has lateral joins.

-- name: merged_by_author
select s.id from accounts l
join follows lf on lf.account_id = :reader and lf.target_id = l.id
cross join lateral (
  select x.id from statuses x where x.account_id = l.id and x.merged = 1 and :page(x.id)
) latest
join statuses s on s.id = latest.id
where l.merged = 1 and l.suspended_at is null and {home_rules};

-- name: list_window
select {status_row}, (a.suspended_at is null and {list_rules}) from (
  select p.id from list_members l
  cross join lateral (select x.id from statuses x where x.account_id = l.target_id and :page(x.id)) p
  where l.list_id = :list_id and :page(p.id)
) w join statuses s on s.id = w.id join accounts a on a.id = s.account_id;

-- name: fan_out
-- Reason: SQLite's own "or ignore" is half of the work of its "on conflict do nothing" in a table without row ids.
insert into home_entries (account_id, status_id)
select f.account_id, :status_id from follows f
where f.target_id = :author_id and f.id > :after and f.id <= :until order by f.account_id
on conflict (account_id, status_id) do nothing;

-- name: fan_out_together
insert into home_entries (account_id, status_id)
select f.account_id, s.id from statuses s join follows f on f.target_id = s.account_id
where s.id in (:ids...) and s.merged = 0 and s.visibility <= 2 order by f.account_id, s.id
on conflict (account_id, status_id) do nothing;
