-- name: stats
-- How many accounts and statuses there are here, and how many posted since :month.
select count(*), coalesce(sum(statuses), 0), count(*) filter (where last_status_at > :month) from accounts where domain = '';

-- name: count_week
-- What happened here since :start, of which :first is the first id; reblogs are not counted.
insert into weeks (start, statuses, logins, registrations) values (
  :start,
  (select count(*) from statuses s join accounts a on a.id = s.account_id and a.domain = ''
    where s.id >= :first and s.reblog_of_id is null),
  (select count(*) from users u where u.signed_in_at >= :start),
  (select count(*) from users u where u.created_at >= :start))
on conflict (start) do update set statuses = excluded.statuses, logins = excluded.logins,
  registrations = excluded.registrations;

-- name: forget_weeks
delete from weeks where start < :before;

-- name: weeks
select start, statuses, logins, registrations from weeks order by start desc limit :limit;

-- name: texts
select key, value from settings where key in (:keys...);

-- name: remove_text
delete from settings where key = :key;

-- name: rules
select id, text, hint from rules order by position, id;

-- name: contact
-- The account that answers for the instance: its owner, or its first admin.
select u.account_id from users u join accounts a on a.id = u.account_id
where u.role in ('owner', 'admin') and a.suspended_at is null order by u.account_id limit 1;

-- name: add_rule
-- Ids rise, so they are the order in which the rules were made.
insert into rules (id, position, text, hint) values (:id, :id, :text, :hint);

-- name: remove_rule
delete from rules where id = :id;
