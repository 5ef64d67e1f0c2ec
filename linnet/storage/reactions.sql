-- Emojis that answer a status. How many of each there are stands in the status's own row.

-- name: taken
-- The counts of a status, taken for this transaction.
select reactions from statuses where id = :id;

-- name: add
insert into status_reactions (status_id, account_id, emoji, id) values (:status_id, :account_id, :emoji, :id)
on conflict (status_id, account_id, emoji) do nothing;

-- name: remove
delete from status_reactions where status_id = :status_id and account_id = :account_id and emoji = :emoji;

-- name: own
-- What an account has answered a status with, the oldest first.
select emoji from status_reactions where status_id = :status_id and account_id = :account_id order by id;

-- name: count
update statuses set reactions = :reactions where id = :id;

-- name: who
-- Who has answered a status with what, the oldest first.
select r.emoji, r.account_id from status_reactions r
join accounts a on a.id = r.account_id and a.suspended_at is null
where r.status_id = :status_id and (:emoji = '' or r.emoji = :emoji) and {acquainted} order by r.id limit :limit;

-- name: latest
-- What some have answered some statuses with: for notifications of it.
select status_id, account_id, emoji from status_reactions
where status_id in (:ids...) and account_id in (:account_ids...) order by id;

-- name: of_account
select status_id, emoji from status_reactions where account_id = :account_id order by status_id limit :limit;

-- name: forget_status
delete from status_reactions where status_id = :status_id;

-- name: tallies
-- Statuses of a batch that were answered: what they count, and how many answers there are.
select c.id, c.reactions, c.really from (
  select s.id, s.reactions, (select count(*) from status_reactions r where r.status_id = s.id) as really
  from statuses s where s.id > :after and s.id <= :until
) c where c.reactions is not null or c.really > 0 order by c.id limit :limit;

-- name: counted
select emoji, count(*) from status_reactions where status_id = :status_id group by emoji order by min(id);
