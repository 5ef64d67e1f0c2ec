-- Servers that a person wants to see nothing of. What is shown asks for them by itself (fragments.sql).

-- name: block
insert into domain_blocks (account_id, domain, id) values (:account_id, :domain, :id)
on conflict (account_id, domain) do nothing;

-- name: unblock
delete from domain_blocks where account_id = :account_id and domain = :domain;

-- name: count
select count(*) from domain_blocks d where d.account_id = :account_id;

-- name: all
select d.domain, d.id from domain_blocks d where d.account_id = :account_id and :page(d.id);

-- name: is_blocked
select 1 from domain_blocks d where d.account_id = :account_id and d.domain = :domain;

-- name: preview
-- How many of the server's accounts :account_id follows, and how many follow it.
select
  (select count(*) from follows f join accounts a on a.id = f.target_id and a.domain = :domain
    where f.account_id = :account_id),
  (select count(*) from follows f join accounts a on a.id = f.account_id and a.domain = :domain
    where f.target_id = :account_id);

-- name: related
-- Accounts of the server that :account_id follows or is followed by, or that wait for one or the other, a batch at a time.
select a.id from accounts a where a.domain = :domain and a.id in (
  select f.target_id from follows f where f.account_id = :account_id
  union all select f.account_id from follows f where f.target_id = :account_id
  union all select r.target_id from follow_requests r where r.account_id = :account_id
  union all select r.account_id from follow_requests r where r.target_id = :account_id
) limit :limit;
