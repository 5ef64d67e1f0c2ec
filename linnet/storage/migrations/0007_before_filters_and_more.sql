-- What people do not want to read, direct messages by conversation, reports to moderators, and announcements.

-- 0 says that there are no filters, and so nothing to look up: it stands where every request looks anyway. Else it is
-- a fresh id at each change.
alter table users add column filters_version id not null default 0;

-- Who may name the account as the author of what stands there (a list of domains as JSON), and what its page shows.
alter table profiles add column attribution_domains text not null default '[]';
alter table profiles add column show_media flag not null default 1;
alter table profiles add column show_media_replies flag not null default 1;
alter table profiles add column show_featured flag not null default 1;

-- `contexts` are words with a space between them.
create table filters (
  id id primary key,
  account_id id not null,
  title text not null,
  contexts text not null,
  action text not null,
  expires_at time
);
create index filters_account on filters (account_id, id);

create table filter_keywords (
  id id primary key,
  account_id id not null,
  filter_id id not null,
  keyword text not null,
  whole_word flag not null
);
create index filter_keywords_account on filter_keywords (account_id, filter_id, id);

create table filter_statuses (
  id id primary key,
  account_id id not null,
  filter_id id not null,
  status_id id not null
);
create unique index filter_statuses_account on filter_statuses (account_id, filter_id, status_id);
create index filter_statuses_status on filter_statuses (status_id);

-- One row for each local account that takes part. `people` are the ids of the others; their hash is the key, because
-- there may be more of them than an index takes.
create table conversations (
  id id primary key,
  account_id id not null,
  thread_id id not null,
  people_hash text not null,
  people text not null,
  last_status_id id not null,
  unread flag not null
);
create unique index conversations_people on conversations (account_id, thread_id, people_hash);
create index conversations_latest on conversations (account_id, last_status_id);

create table conversation_statuses (
  account_id id not null,
  status_id id not null,
  conversation_id id not null,
  primary key (account_id, status_id)
) without rowid;
create index conversation_statuses_conversation on conversation_statuses (conversation_id, status_id);
create index conversation_statuses_status on conversation_statuses (status_id, account_id);

-- `statuses` and `rules` are lists of ids as JSON.
create table reports (
  id id primary key,
  account_id id not null,
  target_id id not null,
  category text not null,
  comment text not null,
  statuses text not null,
  rules text not null,
  forward flag not null default 0,
  resolved_at time,
  resolved_by id
);
create index reports_open on reports (id) where resolved_at is null;
create index reports_resolved on reports (resolved_at) where resolved_at is not null;
create index reports_account on reports (account_id, id);
create index reports_target on reports (target_id, id);

create table announcements (
  id id primary key,
  text text not null,
  html text not null,
  mentions text not null default '[]',
  tags text not null default '[]',
  statuses text not null default '[]',
  all_day flag not null default 0,
  starts_at time,
  ends_at time,
  published_at time,
  updated_at time not null
);

create table announcement_reads (
  announcement_id id not null,
  account_id id not null,
  primary key (announcement_id, account_id)
) without rowid;
create index announcement_reads_account on announcement_reads (account_id, announcement_id);

create table announcement_reactions (
  announcement_id id not null,
  name text not null,
  account_id id not null,
  id id not null,
  primary key (announcement_id, name, account_id)
) without rowid;
create index announcement_reactions_account on announcement_reactions (account_id, announcement_id);
