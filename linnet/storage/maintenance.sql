-- What has had its time goes, a bounded number of rows a turn; and what `linnet database check` counts.

-- name: expire_receipts
delete from receipts where key in (
  select r.key from receipts r where r.created_at < :before order by r.created_at limit :limit);

-- name: expire_mutes
delete from mutes where expires_at is not null and expires_at < :now;

-- name: expire_tag_uses
-- A tag's history shows seven days.
delete from tag_uses where (tag, day, account_id) in (
  select u.tag, u.day, u.account_id from tag_uses u where u.day < :before limit :limit);

-- name: expire_filtered
-- Notifications that wait for a reader who has not asked for them in so long.
delete from notifications where id in (
  select n.id from notifications n where n.filtered = 1 and n.id < :before order by n.id limit :limit);

-- name: expire_requests
-- Senders of whom nothing waits any more.
delete from notification_requests where id in (
  select r.id from notification_requests r where r.accepted = 0 and r.id < :before and not exists (
    select 1 from notifications n where n.account_id = r.account_id and n.from_account_id = r.from_account_id
      and n.filtered = 1)
  order by r.id limit :limit);

-- name: expire_push_subscriptions
-- Those whose token is gone.
delete from push_subscriptions where id in (
  select p.id from push_subscriptions p where not exists (select 1 from tokens t where t.hash = p.token_hash)
  order by p.id limit :limit);

-- name: expire_apps
-- Apps that nobody has signed in with: every attempt to sign in leaves one.
delete from apps where id in (
  select a.id from apps a
  where a.id < :before and a.id not in (select t.app_id from tokens t) and a.id not in (select g.app_id from grants g)
  order by a.id limit :limit);

-- name: unattached
delete from media_attachments where id in (
  select m.id from media_attachments m where m.status_id is null and m.draft_id is null and m.id < :before
  order by m.id limit :limit)
returning file_key, preview_key, coalesce(source_key, '');

-- name: readers
-- Accounts that may have a home timeline, in order.
select account_id from users where account_id > :after order by account_id limit :limit;

-- name: wrong_counters
-- Accounts of which a counter says something else than the rows; deleted ones have no user, and count nothing any more.
select c.id, c.username, c.followers, c.following, c.statuses, c.true_followers, c.true_following, c.true_statuses from (
  select a.id, a.username, a.followers, a.following, a.statuses,
    (select count(*) from follows f where f.target_id = a.id) as true_followers,
    (select count(*) from follows f where f.account_id = a.id) as true_following,
    (select count(*) from statuses s where s.account_id = a.id and s.visibility <> 3) as true_statuses
  from accounts a join users u on u.account_id = a.id
  where a.id > :after and a.id <= :until
) c
where c.followers <> c.true_followers or c.following <> c.true_following or c.statuses <> c.true_statuses
order by c.id limit :limit;

-- name: recount_account
update accounts set
  followers = (select count(*) from follows f where f.target_id = accounts.id),
  following = (select count(*) from follows f where f.account_id = accounts.id),
  statuses = (select count(*) from statuses s where s.account_id = accounts.id and s.visibility <> 3)
where id = :id;

-- name: wrong_status_counters
-- Replies count where others may see them: public and unlisted ones.
select c.id, c.replies, c.reblogs, c.favourites, c.quotes,
  c.true_replies, c.true_reblogs, c.true_favourites, c.true_quotes from (
  select s.id, s.replies, s.reblogs, s.favourites, s.quotes,
    (select count(*) from statuses r where r.in_reply_to_id = s.id and r.visibility <= 1) as true_replies,
    (select count(*) from statuses r where r.reblog_of_id = s.id) as true_reblogs,
    (select count(*) from favourites f where f.status_id = s.id) as true_favourites,
    (select count(*) from statuses r where r.quote_of_id = s.id and r.quote_state = 1) as true_quotes
  from statuses s where s.id > :after and s.id <= :until
) c
where c.replies <> c.true_replies or c.reblogs <> c.true_reblogs or c.favourites <> c.true_favourites
  or c.quotes <> c.true_quotes
order by c.id limit :limit;

-- name: recount_status
update statuses set
  replies = (select count(*) from statuses r where r.in_reply_to_id = statuses.id and r.visibility <= 1),
  reblogs = (select count(*) from statuses r where r.reblog_of_id = statuses.id),
  favourites = (select count(*) from favourites f where f.status_id = statuses.id),
  quotes = (select count(*) from statuses r where r.quote_of_id = statuses.id and r.quote_state = 1)
where id = :id;

-- name: account_batch
select max(b.id), count(*) from (select a.id from accounts a where a.id > :after order by a.id limit :limit) b;

-- name: status_batch
select max(b.id), count(*) from (select s.id from statuses s where s.id > :after order by s.id limit :limit) b;

-- name: media_keys
select m.id, m.file_key, m.preview_key, m.source_key from media_attachments m where m.id > :after order by m.id limit :limit;

-- name: profile_keys
select p.account_id, p.avatar_key, p.avatar_static_key, p.header_key, p.header_static_key from profiles p
where p.account_id > :after order by p.account_id limit :limit;

-- name: emoji_keys
select e.shortcode, e.file_key, e.static_key from custom_emojis e order by e.shortcode;

-- name: wordless
-- Statuses whose words are missing, which could not be shown.
select s.id from statuses s where s.id > :after and s.id <= :until and s.reblog_of_id is null
  and not exists (select 1 from status_contents c where c.status_id = s.id)
order by s.id limit :limit;

-- name: sizes
-- How much there is: for backups and for people.
select (select count(*) from accounts), (select count(*) from statuses), (select count(*) from media_attachments);
