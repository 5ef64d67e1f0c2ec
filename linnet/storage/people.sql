-- name: listed
-- Local accounts as their operator sees them; those without a user were deleted.
select a.id, a.username, u.email, u.role, a.suspended_at, a.silenced_at, u.confirmed_at, u.approved_at,
  a.statuses, a.followers, a.last_status_at, u.created_at
from users u join accounts a on a.id = u.account_id
where u.account_id > :after order by u.account_id limit :limit;
