-- name: stats
-- How many accounts and statuses there are here, and how many posted since :month.
select count(*), coalesce(sum(statuses), 0), count(*) filter (where last_status_at > :month) from accounts where domain = '';

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
