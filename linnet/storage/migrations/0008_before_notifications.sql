-- What notifications are shown together, which of them wait until their reader lets their sender through, and where they
-- are sent (Web Push).

-- '' where it stands alone.
alter table notifications add column group_key word not null default '';
alter table notifications add column filtered flag not null default 0;
create index notifications_groups on notifications (account_id, group_key, id) where group_key <> '';
create index notifications_filtered on notifications (account_id, from_account_id, id) where filtered = 1;
create index notifications_filtered_age on notifications (id) where filtered = 1;

-- The policy: 0 accepts, 1 filters, 2 drops. `pushes` says that there is a subscription to be looked for.
alter table users add column for_not_following flag not null default 0;
alter table users add column for_not_followers flag not null default 0;
alter table users add column for_new_accounts flag not null default 0;
alter table users add column for_private_mentions flag not null default 1;
alter table users add column for_limited_accounts flag not null default 1;
alter table users add column pushes flag not null default 0;

-- Senders of filtered notifications, and those who were let through. What waits is counted in `notifications` itself.
create table notification_requests (
  account_id id not null,
  from_account_id id not null,
  id id not null,
  accepted flag not null default 0,
  primary key (account_id, from_account_id)
) without rowid;
create unique index notification_requests_id on notification_requests (id);
create index notification_requests_waiting on notification_requests (account_id, id) where accepted = 0;
create index notification_requests_from on notification_requests (from_account_id);

-- One for each token. `secrets` is sealed: the token itself stands nowhere else. `alerts` are words between spaces.
create table push_subscriptions (
  id id primary key,
  account_id id not null,
  token_hash text not null unique,
  endpoint text not null,
  key text not null,
  secrets text not null,
  standard flag not null,
  alerts text not null,
  policy text not null
);
create index push_subscriptions_account on push_subscriptions (account_id, id);
