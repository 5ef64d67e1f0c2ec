-- name: add
-- One notification, unless the account blocks whoever caused it, or its server, or mutes it, muted the thread, is the
-- same account (whom only the end of its own poll is told), or has a policy that drops it. `:latest` is the group that
-- it begins, `:earliest` the oldest that it may join; '' for none.
-- The `limit` keeps the policy from being asked for as often as its answer is used.
insert into notifications (id, account_id, type, from_account_id, status_id, filtered, group_key)
select :id, d.account_id, :type, :from_account_id, :status_id, d.level,
  case when :latest = '' or d.level > 0 then '' else coalesce((
    select case when g.id >= :joinable then g.group_key end from notifications g
    where g.account_id = d.account_id and g.group_key <> '' and g.group_key >= :earliest and g.group_key <= :latest
    order by g.group_key desc, g.id desc limit 1), :latest) end
from (
  select u.account_id, case when :filterable = 0 then 0 else {policy} end as level from users u
  where u.account_id = :account_id and (u.account_id <> :from_account_id or :type = 'poll')
    and not exists (select 1 from blocks b where b.account_id = :account_id and b.target_id = :from_account_id)
    and not exists (select 1 from accounts a join domain_blocks k on k.account_id = :account_id and k.domain = a.domain
      where a.id = :from_account_id)
    and not exists (select 1 from mutes m where m.account_id = :account_id and m.target_id = :from_account_id
      and m.notifications = 1 and (m.expires_at is null or m.expires_at > :now))
    and not exists (select 1 from thread_mutes t where t.account_id = :account_id and t.thread_id = :thread_id)
  limit 1
) d
where d.level < 2
on conflict (account_id, type, from_account_id, status_id) do nothing
returning filtered, (select p.pushes from users p where p.account_id = :account_id);

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
select n.id, n.type, n.from_account_id, n.status_id, n.group_key from notifications n
where n.account_id = :reader and n.type in (:kinds...) and (n.filtered = 0 or :filtered = 1) and {tellable}
  and :page(n.id);

-- name: page_from
-- The same of one account only.
select n.id, n.type, n.from_account_id, n.status_id, n.group_key from notifications n
where n.account_id = :reader and n.type in (:kinds...) and n.from_account_id = :from_account_id
  and (n.filtered = 0 or :filtered = 1) and {tellable} and :page(n.id);

-- name: one
select n.id, n.type, n.from_account_id, n.status_id, n.group_key from notifications n
where n.id = :id and n.account_id = :reader and {tellable};

-- name: count
-- How many there are above :above, counted up to :limit.
select count(*) from (
  select n.id from notifications n
  where n.account_id = :reader and n.type in (:kinds...) and n.id > :above and n.filtered = 0
    and {tellable} limit :limit
) c;

-- name: count_from
select count(*) from (
  select n.id from notifications n
  where n.account_id = :reader and n.type in (:kinds...) and n.id > :above and n.filtered = 0
    and n.from_account_id = :from_account_id and {tellable} limit :limit
) c;

-- Requests ------------------------------------------------------------------------------------------------------

-- name: request
-- Whoever waits already waits on.
insert into notification_requests (account_id, from_account_id, id) values (:account_id, :from_account_id, :id)
on conflict (account_id, from_account_id) do nothing;

-- name: remove_request
delete from notification_requests where account_id = :account_id and from_account_id = :from_account_id;

-- name: policy
select for_not_following, for_not_followers, for_new_accounts, for_private_mentions, for_limited_accounts
from users where account_id = :account_id;

-- name: set_policy
update users set for_not_following = :for_not_following, for_not_followers = :for_not_followers,
  for_new_accounts = :for_new_accounts, for_private_mentions = :for_private_mentions,
  for_limited_accounts = :for_limited_accounts
where account_id = :account_id;

-- name: waiting
-- How many senders wait, and how many notifications of theirs; each counted up to :limit.
select (select count(*) from (
    select 1 from notification_requests r join accounts a on a.id = r.from_account_id and a.suspended_at is null
    where r.account_id = :reader and r.accepted = 0 and {acquainted} and exists (
      select 1 from notifications n where n.account_id = :reader and n.from_account_id = r.from_account_id
        and n.filtered = 1) limit :limit) c),
  (select count(*) from (
    select 1 from notifications n where n.account_id = :reader and n.filtered = 1 and {tellable} limit :limit) d);

-- name: requests
-- Who waits, with how many notifications (counted up to :counted), the latest of them, and the latest status of them.
select r.id, r.from_account_id,
  (select count(*) from (select 1 from notifications c where c.account_id = :reader
    and c.from_account_id = r.from_account_id and c.filtered = 1 limit :counted) d),
  (select max(m.id) from notifications m where m.account_id = :reader and m.from_account_id = r.from_account_id
    and m.filtered = 1),
  coalesce((select l.status_id from notifications l where l.account_id = :reader
    and l.from_account_id = r.from_account_id and l.filtered = 1 and l.status_id <> 0 order by l.id desc limit 1), 0)
from notification_requests r join accounts a on a.id = r.from_account_id and a.suspended_at is null
where r.account_id = :reader and r.accepted = 0 and (r.id = :id or :id = 0) and {acquainted}
  and exists (select 1 from notifications e where e.account_id = :reader and e.from_account_id = r.from_account_id
    and e.filtered = 1)
  and :page(r.id);

-- name: accept
update notification_requests set accepted = 1 where account_id = :account_id and accepted = 0 and id in (:ids...)
returning from_account_id;

-- name: dismiss_requests
delete from notification_requests where account_id = :account_id and accepted = 0 and id in (:ids...)
returning from_account_id;

-- name: unfilter
update notifications set filtered = 0 where id in (
  select n.id from notifications n
  where n.account_id = :account_id and n.from_account_id = :from_account_id and n.filtered = 1 order by n.id limit :limit);

-- name: drop_filtered
-- Those that were there when their sender was dismissed.
delete from notifications where id in (
  select n.id from notifications n
  where n.account_id = :account_id and n.from_account_id = :from_account_id and n.filtered = 1 and n.id < :until
  order by n.id limit :limit);

-- name: unmerged
-- Whether anything of somebody who was let through still waits.
select 1 from notification_requests r where r.account_id = :reader and r.accepted = 1 and exists (
  select 1 from notifications n where n.account_id = :reader and n.from_account_id = r.from_account_id
    and n.filtered = 1)
limit 1;

-- Groups --------------------------------------------------------------------------------------------------------

-- name: group_page
-- The next notifications that are in none of the groups that were seen already.
select n.id, n.type, n.from_account_id, n.status_id, n.group_key from notifications n
where n.account_id = :reader and n.type in (:kinds...) and (n.filtered = 0 or :filtered = 1)
  and (n.from_account_id = :from_account_id or :from_account_id = 0) and n.group_key not in (:seen...) and {tellable}
  and :page(n.id);

-- name: groups
-- What of these groups is not newer than :high: how many there are, the newest, the oldest that is not older than :low,
-- and the latest senders.
select g.group_key, g.total, g.newest, g.oldest, g.from_account_id from (
  select n.group_key, n.from_account_id, row_number() over (partition by n.group_key order by n.id desc) as place,
    count(*) over (partition by n.group_key) as total, max(n.id) over (partition by n.group_key) as newest,
    min(case when n.id >= :low then n.id end) over (partition by n.group_key) as oldest
  from notifications n
  where n.account_id = :reader and n.group_key in (:keys...) and n.group_key <> '' and n.id <= :high and {tellable}
) g
where g.place <= :samples order by g.group_key, g.place;

-- name: newest_of_group
select n.id, n.type, n.from_account_id, n.status_id, n.group_key from notifications n
where n.account_id = :reader and n.group_key = :group_key and n.group_key <> '' and {tellable}
order by n.id desc limit 1;

-- name: senders
-- Whoever caused the notifications of a group.
select n.from_account_id, n.id from notifications n
where n.account_id = :reader and n.group_key = :group_key and n.group_key <> '' and {tellable} and :page(n.id);

-- name: dismiss_group
delete from notifications where account_id = :account_id and group_key = :group_key and group_key <> '';

-- name: count_groups
-- How many groups, those of kinds that are not :grouped as many as there are notifications; of the first :scan.
select count(distinct c.one) from (
  select case when n.group_key <> '' and n.type in (:grouped...) then n.group_key else cast(n.id as text) end as one
  from notifications n
  where n.account_id = :reader and n.type in (:kinds...) and n.id > :above and n.filtered = 0
    and (n.from_account_id = :from_account_id or :from_account_id = 0) and {tellable}
  order by n.id limit :scan
) c;
