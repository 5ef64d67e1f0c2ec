-- Reason: PostgreSQL would ask a subquery with a limit of its own once for every follow there is; it has lateral joins.

-- name: friends_of_friends
select a.id from (
  select f.target_id, count(*) as friends from (
    select m.target_id from follows m where m.account_id = :reader order by m.id desc limit :friends
  ) mine
  join accounts h on h.id = mine.target_id and h.hide_collections = 0
  cross join lateral (
    select x.target_id from follows x where x.account_id = mine.target_id order by x.id desc limit :each
  ) f
  group by f.target_id
) c join accounts a on a.id = c.target_id
where {suggestable}
order by c.friends desc, a.followers desc, a.id limit :limit;
