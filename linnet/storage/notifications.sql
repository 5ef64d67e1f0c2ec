-- name: add
-- One notification, unless the account blocks or mutes whoever caused it, muted the thread, or is the same account.
insert into notifications (id, account_id, type, from_account_id, status_id)
select :id, u.account_id, :type, :from_account_id, :status_id from users u
where u.account_id = :account_id and u.account_id <> :from_account_id
  and not exists (select 1 from blocks b where b.account_id = :account_id and b.target_id = :from_account_id)
  and not exists (select 1 from mutes m where m.account_id = :account_id and m.target_id = :from_account_id
    and m.notifications = 1 and (m.expires_at is null or m.expires_at > :now))
  and not exists (select 1 from thread_mutes t where t.account_id = :account_id and t.thread_id = :thread_id)
on conflict (account_id, type, from_account_id, status_id) do nothing;

-- name: remove
delete from notifications where account_id = :account_id and type = :type and from_account_id = :from_account_id
  and status_id = :status_id;

-- name: remove_from
-- All that one account has told another of. The kinds are listed so that the index leads to them.
delete from notifications where account_id = :account_id and type in (:kinds...) and from_account_id = :from_account_id;

-- name: dismiss
delete from notifications where id = :id and account_id = :account_id;

-- name: clear
delete from notifications where account_id = :account_id;

-- name: page
-- What :reader is told of and may still see, now.
select n.id, n.type, n.from_account_id, n.status_id from notifications n
where n.account_id = :reader and n.type in (:kinds...) and {tellable} and :page(n.id);

-- name: page_from
-- The same of one account only.
select n.id, n.type, n.from_account_id, n.status_id from notifications n
where n.account_id = :reader and n.type in (:kinds...) and n.from_account_id = :from_account_id and {tellable}
  and :page(n.id);

-- name: one
select n.id, n.type, n.from_account_id, n.status_id from notifications n
where n.id = :id and n.account_id = :reader and {tellable};

-- name: count
-- How many there are above :above, counted up to :limit.
select count(*) from (
  select n.id from notifications n
  where n.account_id = :reader and n.type in (:kinds...) and n.id > :above and {tellable} limit :limit
) c;

-- name: count_from
select count(*) from (
  select n.id from notifications n
  where n.account_id = :reader and n.type in (:kinds...) and n.id > :above
    and n.from_account_id = :from_account_id and {tellable} limit :limit
) c;
