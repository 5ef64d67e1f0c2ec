-- name: all
select l.id, l.title, l.replies_policy, l.exclusive from lists l where l.account_id = :account_id order by l.id;

-- name: one
select l.id, l.title, l.replies_policy, l.exclusive from lists l where l.id = :id and l.account_id = :account_id;

-- name: count
select count(*) from lists l where l.account_id = :account_id;

-- name: insert
insert into lists (id, account_id, title, replies_policy, exclusive)
values (:id, :account_id, :title, :replies_policy, :exclusive);

-- name: update
update lists set title = :title, replies_policy = :replies_policy, exclusive = :exclusive
where id = :id and account_id = :account_id;

-- name: delete
delete from lists where id = :id and account_id = :account_id;

-- name: with_member
-- Those of :account_id's lists that :target_id is in.
select l.id, l.title, l.replies_policy, l.exclusive from list_members m join lists l on l.id = m.list_id
where m.account_id = :account_id and m.target_id = :target_id order by l.id;

-- name: members
select a.id, m.id from list_members m join accounts a on a.id = m.target_id and a.suspended_at is null
where m.list_id = :list_id and :page(m.id);

-- name: count_members
select count(*) from list_members m where m.list_id = :list_id;

-- name: followed
-- Those of the accounts that :account_id follows, and :account_id itself.
select a.id from accounts a where a.id in (:ids...) and a.suspended_at is null and (a.id = :account_id
  or exists (select 1 from follows f where f.account_id = :account_id and f.target_id = a.id));

-- name: insert_member
insert into list_members (list_id, target_id, account_id, id) values (:list_id, :target_id, :account_id, :id)
on conflict (list_id, target_id) do nothing;

-- name: delete_members
delete from list_members where list_id = :list_id and target_id in (:ids...);

-- name: delete_all_members
delete from list_members where list_id = :list_id;
