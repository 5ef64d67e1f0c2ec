-- The first schema. Types `id`, `time` (ms since 1970, UTC), `flag` (0 or 1), `word` (text in the order of its bytes),
-- `sequence`, `timeline` and `transaction` are turned into each engine's own; `without rowid` is SQLite's alone. Every
-- large table begins with the key it would be sharded by.

-- Settings that belong to the data and not to a machine: origin, rules, keys wrapped by the node's secret, one-time links.
create table settings (
  key text primary key,
  value text not null
) without rowid;

-- Accounts: what a page needs of its authors at each read. Counts stand here, texts in profiles.
create table accounts (
  id id primary key,
  username text not null,
  username_key text not null,
  domain text not null default '',
  version id not null,
  bot flag not null default 0,
  locked flag not null default 0,
  discoverable flag not null default 1,
  indexable flag not null default 0,
  hide_collections flag not null default 0,
  suspended_at time,
  silenced_at time,
  followers id not null default 0,
  following id not null default 0,
  statuses id not null default 0,
  last_status_at time,
  merged flag not null default 0
);
create unique index accounts_name on accounts (username_key, domain);
create index accounts_merged on accounts (id) where merged = 1;
create index accounts_active on accounts ((coalesce(last_status_at, 0)), id)
  where discoverable = 1 and suspended_at is null;
create index accounts_discoverable on accounts (id) where discoverable = 1 and suspended_at is null;

-- The words of names, for searching accounts by how a word begins.
create table account_search (
  account_id id not null,
  term word not null,
  primary key (account_id, term)
) without rowid;
create index account_search_term on account_search (term, account_id);

create table profiles (
  account_id id primary key,
  display_name text not null default '',
  note text not null default '',
  note_html text not null default '',
  fields text not null default '[]',
  avatar_key text,
  avatar_static_key text,
  header_key text,
  header_static_key text,
  avatar_description text not null default '',
  header_description text not null default ''
);

-- Users: the local half of an account. Only its owner and the moderators ever see this.
create table users (
  account_id id primary key,
  email text not null,
  email_key text not null,
  password_hash text not null,
  role text not null default 'user',
  confirmed_at time,
  approved_at time,
  reason text not null default '',
  invite_code text,
  locale text not null default 'en',
  default_visibility text not null default 'public',
  default_sensitive flag not null default 0,
  default_language text,
  expand_media text not null default 'default',
  expand_spoilers flag not null default 0,
  totp_secret text,
  totp_step id not null default 0,
  recovery_codes text not null default '[]',
  created_at time not null,
  signed_in_at time
);
create unique index users_email on users (email_key);
create index users_pending on users (created_at) where approved_at is null;
create index users_moderating on users (account_id) where role <> 'user';
create index users_staff on users (account_id) where role in ('owner', 'admin');

create table invites (
  code text primary key,
  created_by id,
  uses id not null default 0,
  max_uses id,
  expires_at time,
  created_at time not null
);

-- OAuth. Secrets, codes and tokens are kept as SHA-256 hashes (they are random, 256 bits each).
create table apps (
  id id primary key,
  client_id text not null unique,
  secret_hash text not null,
  name text not null,
  website text,
  redirect_uris text not null,
  scopes text not null,
  created_at time not null
);

create table grants (
  code_hash text primary key,
  app_id id not null,
  account_id id not null,
  redirect_uri text not null,
  scopes text not null,
  challenge text,
  expires_at time not null,
  -- The token that the code was exchanged for: a code that is shown twice was stolen, and takes its token with it.
  token_hash text
);
create index grants_age on grants (expires_at);
create index grants_account on grants (account_id, app_id);

create table tokens (
  hash text primary key,
  id id not null,
  app_id id not null,
  account_id id,
  scopes text not null,
  created_at time not null,
  used_at time
) without rowid;
create index tokens_account on tokens (account_id, app_id) where account_id is not null;

create table sessions (
  hash text primary key,
  id id not null,
  account_id id not null,
  created_at time not null,
  used_at time not null,
  client text not null default '',
  user_agent text not null default ''
) without rowid;
create index sessions_account on sessions (account_id, id);
create index sessions_age on sessions (used_at);
create index sessions_born on sessions (created_at);

-- Links sent by e-mail, and the page that creates the owner's account.
create table email_tokens (
  hash text primary key,
  account_id id not null,
  kind text not null,
  email text not null,
  expires_at time not null
) without rowid;
create index email_tokens_account on email_tokens (account_id, kind);
create index email_tokens_age on email_tokens (expires_at);

create table rules (
  id id primary key,
  position id not null,
  text text not null,
  hint text not null default ''
);

create table custom_emojis (
  shortcode text primary key,
  file_key text not null,
  static_key text not null,
  category text,
  visible_in_picker flag not null default 1,
  created_at time not null
);

-- Statuses: what a page needs at each read. Their words stand in status_contents.
create table statuses (
  id id primary key,
  account_id id not null,
  version id not null,
  visibility flag not null,
  reblog_of_id id,
  in_reply_to_id id,
  in_reply_to_account_id id,
  thread_id id not null,
  language text,
  has_media flag not null default 0,
  has_mentions flag not null default 0,
  merged flag not null default 0,
  replies id not null default 0,
  reblogs id not null default 0,
  favourites id not null default 0
);
create index statuses_account on statuses (account_id, id);
create index statuses_account_media on statuses (account_id, id) where has_media = 1;
create index statuses_public on statuses (id) where visibility = 0 and reblog_of_id is null;
create index statuses_merged on statuses (id) where merged = 1;
create index statuses_account_merged on statuses (account_id, id) where merged = 1;
create index statuses_replies on statuses (in_reply_to_id, id) where in_reply_to_id is not null;
create index statuses_thread on statuses (thread_id, id) where in_reply_to_id is not null;
create index statuses_reblogs on statuses (reblog_of_id, id) where reblog_of_id is not null;
create unique index statuses_reblog on statuses (reblog_of_id, account_id) where reblog_of_id is not null;

create table status_contents (
  status_id id primary key,
  account_id id not null,
  version id not null,
  text text not null,
  spoiler text not null default '',
  html text not null,
  sensitive flag not null default 0,
  mentions text not null default '[]',
  tags text not null default '[]',
  media text not null default '[]',
  app_name text,
  app_website text,
  edited_at time
);

create table status_edits (
  status_id id not null,
  version id not null,
  text text not null,
  spoiler text not null,
  html text not null,
  sensitive flag not null,
  media text not null,
  created_at time not null,
  primary key (status_id, version)
) without rowid;

create table mentions (
  status_id id not null,
  account_id id not null,
  primary key (status_id, account_id)
) without rowid;
create index mentions_account on mentions (account_id, status_id);

create table tags (
  key word primary key,
  name text not null,
  last_status_at time not null
) without rowid;

create table status_tags (
  tag word not null,
  status_id id not null,
  account_id id not null,
  primary key (tag, status_id)
) without rowid;
create index status_tags_status on status_tags (status_id);

create table tag_uses (
  tag word not null,
  day id not null,
  account_id id not null,
  uses id not null default 1,
  primary key (tag, day, account_id)
) without rowid;
create index tag_uses_age on tag_uses (day);

create table media_attachments (
  id id primary key,
  account_id id not null,
  status_id id,
  type text not null,
  mime text not null,
  file_key text not null,
  preview_key text not null,
  description text,
  focus_x double precision,
  focus_y double precision,
  blurhash text,
  meta text not null
);
create index media_attachments_status on media_attachments (status_id) where status_id is not null;
create index media_attachments_unattached on media_attachments (id) where status_id is null;
create index media_attachments_account on media_attachments (account_id, id);

-- Relations between two accounts. `id` orders lists of them.
create table follows (
  account_id id not null,
  target_id id not null,
  id id not null,
  reblogs flag not null default 1,
  notify flag not null default 0,
  languages text,
  primary key (account_id, target_id)
) without rowid;
create index follows_by_account on follows (account_id, id);
create index follows_by_target on follows (target_id, id, account_id);
create index follows_notified on follows (target_id, id) where notify = 1;

create table follow_requests (
  account_id id not null,
  target_id id not null,
  id id not null,
  reblogs flag not null default 1,
  notify flag not null default 0,
  languages text,
  primary key (account_id, target_id)
) without rowid;
create index follow_requests_by_target on follow_requests (target_id, id);

create table blocks (
  account_id id not null,
  target_id id not null,
  id id not null,
  primary key (account_id, target_id)
) without rowid;
create index blocks_by_account on blocks (account_id, id);
create index blocks_by_target on blocks (target_id, account_id);

create table mutes (
  account_id id not null,
  target_id id not null,
  id id not null,
  notifications flag not null default 1,
  expires_at time,
  primary key (account_id, target_id)
) without rowid;
create index mutes_by_account on mutes (account_id, id);
create index mutes_expiring on mutes (expires_at) where expires_at is not null;

create table account_notes (
  account_id id not null,
  target_id id not null,
  comment text not null,
  primary key (account_id, target_id)
) without rowid;

-- What an account has done to a status.
create table favourites (
  account_id id not null,
  status_id id not null,
  id id not null,
  primary key (account_id, status_id)
) without rowid;
create index favourites_by_account on favourites (account_id, id);
create index favourites_by_status on favourites (status_id, id, account_id);

create table bookmarks (
  account_id id not null,
  status_id id not null,
  id id not null,
  primary key (account_id, status_id)
) without rowid;
create index bookmarks_by_account on bookmarks (account_id, id);

create table pins (
  account_id id not null,
  status_id id not null,
  id id not null,
  primary key (account_id, status_id)
) without rowid;
create index pins_by_account on pins (account_id, id);

create table thread_mutes (
  account_id id not null,
  thread_id id not null,
  primary key (account_id, thread_id)
) without rowid;

create table notifications (
  id id primary key,
  account_id id not null,
  type text not null,
  from_account_id id not null,
  status_id id not null default 0
);
create index notifications_by_account on notifications (account_id, id);
create unique index notifications_once on notifications (account_id, type, from_account_id, status_id);
create index notifications_by_status on notifications (status_id) where status_id <> 0;

-- Home timelines hold candidates: each read applies the reader's present follows, blocks, mutes and deletions.
create table home_entries (
  account_id id not null,
  status_id id not null,
  primary key (account_id, status_id)
) without rowid;

create table markers (
  account_id id not null,
  timeline text not null,
  last_read_id id not null,
  version id not null,
  updated_at time not null,
  primary key (account_id, timeline)
) without rowid;

create table moderation_log (
  id id primary key,
  moderator_id id,
  action text not null,
  target text not null,
  reason text not null default ''
);

-- Receipts: an operation that was carried out, and its answer.
create table receipts (
  key text primary key,
  result text,
  created_at time not null,
  seen_at time not null
) without rowid;
create index receipts_age on receipts (created_at);

-- Jobs: the outbox. `run_at` of a leased job is the end of its lease, so that one index finds all that may be claimed.
create table jobs (
  id id primary key,
  kind text not null,
  payload text not null,
  once text unique,
  run_at time not null,
  attempts id not null default 0,
  lease id,
  error text,
  dead_at time
);
create index jobs_due on jobs (run_at, id) where dead_at is null;
create index jobs_dead on jobs (dead_at) where dead_at is not null;

-- Changes: the news that hubs, caches and streams follow; one row an event, never one a follower.
create table changes (
  sequence sequence,
  timeline timeline,
  transaction_id transaction,
  at time not null,
  kind text not null,
  account_id id not null,
  subject_id id not null
);
-- PostgreSQL's order alone: SQLite's timeline is always 0, so that the index costs nothing there.
create index changes_order on changes (timeline, transaction_id, sequence) where timeline > 0;
create index changes_age on changes (at);
