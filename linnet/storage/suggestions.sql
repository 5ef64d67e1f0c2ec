-- Whom somebody could follow.

-- name: friends_of_friends
-- Whom those follow whom :reader follows (the latest of either), by how many of them do. Who hides whom they follow is
-- not asked.
select a.id from (
  select f.target_id, count(*) as friends from (
    select m.target_id from follows m where m.account_id = :reader order by m.id desc limit :friends
  ) mine
  join accounts h on h.id = mine.target_id and h.hide_collections = 0
  join follows f on f.account_id = mine.target_id and f.target_id in (
    select x.target_id from follows x where x.account_id = mine.target_id order by x.id desc limit :each)
  group by f.target_id
) c join accounts a on a.id = c.target_id
where {suggestable}
order by c.friends desc, a.followers desc, a.id limit :limit;

-- name: popular
-- Of our own accounts that posted lately, those with the most followers.
select a.id from (
  select x.id from accounts x where x.discoverable = 1 and x.suspended_at is null
  order by coalesce(x.last_status_at, 0) desc limit :scan
) p join accounts a on a.id = p.id
where a.domain = '' and {suggestable}
order by a.followers desc, a.id limit :limit;

-- name: decline
insert into declined_suggestions (account_id, target_id, id)
select :account_id, a.id, :id from accounts a where a.id = :target_id
on conflict (account_id, target_id) do nothing;

-- name: trim
-- Keeps the newest :keep of those that were declined.
delete from declined_suggestions where account_id = :account_id and id <= (
  select d.id from declined_suggestions d where d.account_id = :account_id order by d.id desc limit 1 offset :keep
);
