-- What a post can be: with a poll, written for later, for this server only, in Markdown, answered with an emoji.
-- All that a status without any of it costs is a flag that is 0, or a column that is null.
alter table statuses add column has_poll flag not null default 0;
alter table statuses add column local_only flag not null default 0;
alter table statuses add column reactions text;
alter table status_contents add column poll text;
alter table status_contents add column content_type text not null default 'text/plain';
alter table status_edits add column poll text;
alter table users add column default_content_type text not null default 'text/plain';
-- The draft or scheduled status that keeps an upload, which nothing else may show or delete meanwhile.
alter table media_attachments add column draft_id id;
create index media_attachments_draft on media_attachments (draft_id) where draft_id is not null;

-- What is counted about a poll. Its options stand with the words of its status, because they have its version.
create table polls (
  status_id id primary key,
  account_id id not null,
  expires_at time,
  voters id not null default 0,
  counts text not null
);

-- One row a voter, whatever was chosen: so nobody votes twice.
create table poll_votes (
  status_id id not null,
  account_id id not null,
  id id not null,
  choices text not null,
  primary key (status_id, account_id)
) without rowid;
create index poll_votes_by_status on poll_votes (status_id, id, account_id);
create index poll_votes_by_account on poll_votes (account_id, status_id);

-- Statuses that are not posted yet. One with a time is scheduled; one without is a draft.
create table drafts (
  id id primary key,
  account_id id not null,
  content text not null,
  scheduled_at time,
  updated_at time not null
);
create index drafts_by_account on drafts (account_id, id);

-- Emojis that answer statuses; `emoji` is one of Unicode, or the :shortcode: of a custom one. Counts stand in statuses.
create table status_reactions (
  status_id id not null,
  account_id id not null,
  emoji word not null,
  id id not null,
  primary key (status_id, account_id, emoji)
) without rowid;
create index status_reactions_by_status on status_reactions (status_id, id);
create index status_reactions_by_account on status_reactions (account_id, status_id);
