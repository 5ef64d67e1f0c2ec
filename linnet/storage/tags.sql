-- Hashtags that accounts follow, and those that they show on their profiles.

-- name: followed_among
-- Those of the hashtags that somebody follows.
select t.key from tags t where t.key in (:keys...) and exists (select 1 from tag_follows f where f.tag = t.key);

-- name: follow
insert into tag_follows (account_id, tag, id, name) values (:account_id, :tag, :id, :name)
on conflict (account_id, tag) do nothing;

-- name: unfollow
delete from tag_follows where account_id = :account_id and tag = :tag;

-- name: count_followed
select count(*) from tag_follows f where f.account_id = :account_id;

-- name: followed
select f.tag, coalesce(t.name, f.name), f.id from tag_follows f left join tags t on t.key = f.tag
where f.account_id = :account_id and :page(f.id);

-- name: followed_keys
select f.tag from tag_follows f where f.account_id = :account_id order by f.id;

-- name: marks
-- Which of the hashtags :reader follows and features.
select k.tag, max(k.following), max(k.featuring) from (
  select f.tag, 1 as following, 0 as featuring from tag_follows f where f.account_id = :reader and f.tag in (:keys...)
  union all
  select x.tag, 0, 1 from featured_tags x where x.account_id = :reader and x.tag in (:keys...)
) k group by k.tag;

-- Home timelines ------------------------------------------------------------------------------------------------

-- name: batch_end
-- The follow of a hashtag at which a batch of them ends.
select max(b.id), count(*) from (
  select f.id from tag_follows f where f.tag = :tag and f.id > :after order by f.id limit :size
) b;

-- name: fan_out
insert into home_entries (account_id, status_id)
select f.account_id, :status_id from tag_follows f
where f.tag = :tag and f.id > :after and f.id <= :until order by f.account_id
on conflict (account_id, status_id) do nothing;

-- name: backfill
-- A hashtag that is followed brings the latest public statuses with it.
insert into home_entries (account_id, status_id)
select :account_id, b.status_id from (
  select t.status_id from status_tags t join statuses s on s.id = t.status_id and s.visibility = 0
  where t.tag = :tag order by t.status_id desc limit :limit
) b where true
on conflict (account_id, status_id) do nothing;

-- Featured ------------------------------------------------------------------------------------------------------

-- name: featured
select x.id, x.tag, x.name, x.statuses, x.last_status_at from featured_tags x
where x.account_id = :account_id order by x.id;

-- name: featured_one
select x.id, x.tag, x.name, x.statuses, x.last_status_at from featured_tags x
where x.account_id = :account_id and x.tag = :tag;

-- name: featured_by_id
select x.tag from featured_tags x where x.account_id = :account_id and x.id = :id;

-- name: feature
insert into featured_tags (account_id, tag, id, name, statuses, last_status_at)
values (:account_id, :tag, :id, :name, :statuses, :last_status_at)
on conflict (account_id, tag) do nothing;

-- name: unfeature
delete from featured_tags where account_id = :account_id and tag = :tag;

-- name: used
-- How many of an account's public and unlisted statuses have the hashtag, and the last of them.
select count(*), max(s.id) from statuses s
where s.account_id = :account_id and s.visibility <= 1
  and exists (select 1 from status_tags t where t.tag = :tag and t.status_id = s.id);

-- name: count_featured
-- A status of :at has these hashtags from now on.
update featured_tags set statuses = statuses + 1,
  last_status_at = case when last_status_at > :at then last_status_at else :at end
where account_id = :account_id and tag in (:keys...);

-- name: uncount_featured
-- A status is about to lose its hashtags.
update featured_tags set statuses = statuses - 1,
  last_status_at = case when statuses > 1 then last_status_at else null end
where account_id = :account_id and statuses > 0
  and tag in (select t.tag from status_tags t where t.status_id = :status_id);

-- name: miscounted
-- Featured hashtags, of accounts in a range, that count something else than there is.
select c.id, a.username, c.name, c.statuses, c.really from (
  select x.id, x.account_id, x.name, x.statuses, (
    select count(*) from statuses s where s.account_id = x.account_id and s.visibility <= 1
      and exists (select 1 from status_tags t where t.tag = x.tag and t.status_id = s.id)) as really
  from featured_tags x where x.account_id > :after and x.account_id <= :until
) c join accounts a on a.id = c.account_id
where c.statuses <> c.really order by c.id limit :limit;

-- name: recount
update featured_tags set statuses = (
  select count(*) from statuses s where s.account_id = featured_tags.account_id and s.visibility <= 1
    and exists (select 1 from status_tags t where t.tag = featured_tags.tag and t.status_id = s.id))
where id = :id;

-- name: most_used
-- What an account writes of most, among its latest :scan statuses, and does not feature.
select u.tag, coalesce(t.name, u.tag) from (
  select x.tag, count(*) as uses from (
    select s.id from statuses s where s.account_id = :account_id and s.visibility <= 1 order by s.id desc limit :scan
  ) r join status_tags x on x.status_id = r.id
  where not exists (select 1 from featured_tags f where f.account_id = :account_id and f.tag = x.tag)
  group by x.tag
) u left join tags t on t.key = u.tag order by u.uses desc, u.tag limit :limit;
