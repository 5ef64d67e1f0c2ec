-- Subscriptions to notifications (Web Push), one a token. `users.pushes` says whether an account has any.

-- name: put
insert into push_subscriptions (id, account_id, token_hash, endpoint, key, secrets, standard, alerts, policy)
values (:id, :account_id, :token_hash, :endpoint, :key, :secrets, :standard, :alerts, :policy)
on conflict (token_hash) do update set id = excluded.id, account_id = excluded.account_id, endpoint = excluded.endpoint,
  key = excluded.key, secrets = excluded.secrets, standard = excluded.standard, alerts = excluded.alerts,
  policy = excluded.policy;

-- name: trim
delete from push_subscriptions where account_id = :account_id and id not in (
  select p.id from push_subscriptions p where p.account_id = :account_id order by p.id desc limit :keep);

-- name: of_token
select id, endpoint, standard, alerts, policy from push_subscriptions where token_hash = :token_hash;

-- name: set_wishes
update push_subscriptions set alerts = :alerts, policy = :policy where token_hash = :token_hash;

-- name: remove
delete from push_subscriptions where token_hash = :token_hash returning account_id;

-- name: forget
delete from push_subscriptions where id = :id returning account_id;

-- name: flag
update users set pushes = case when exists (
  select 1 from push_subscriptions p where p.account_id = :account_id) then 1 else 0 end
where account_id = :account_id;

-- name: wanting
-- The subscriptions of :account_id that want to hear of a notification that :from_account_id has caused.
select p.id from push_subscriptions p
where p.account_id = :account_id and p.alerts like :alert and (p.policy = 'all'
  or (p.policy = 'followed' and exists (
    select 1 from follows f where f.account_id = :account_id and f.target_id = :from_account_id))
  or (p.policy = 'follower' and exists (
    select 1 from follows b where b.account_id = :from_account_id and b.target_id = :account_id)));

-- name: message
-- What a message is made of and where it goes; nothing where its token or its notification is gone.
select p.endpoint, p.key, p.secrets, p.standard, u.locale, n.type, n.from_account_id, n.status_id
from push_subscriptions p
join tokens t on t.hash = p.token_hash
join users u on u.account_id = p.account_id
join notifications n on n.id = :notification_id and n.account_id = p.account_id
where p.id = :id and p.account_id = :reader and {tellable};
