-- Lists of followed accounts, followed and featured hashtags, endorsements, and what a person wants to see nothing of.

create table lists (
  id id primary key,
  account_id id not null,
  title text not null,
  replies_policy text not null default 'list',
  exclusive flag not null default 0
);
create index lists_by_account on lists (account_id, id);
-- Almost nobody has any: one look into an index that is nearly empty tells a home that there is nothing to leave out.
create index lists_exclusive on lists (account_id) where exclusive = 1;

-- `account_id` is the list's owner, whose unfollow takes `target_id` out of it.
create table list_members (
  list_id id not null,
  target_id id not null,
  account_id id not null,
  id id not null,
  primary key (list_id, target_id)
) without rowid;
create index list_members_in_order on list_members (list_id, id);
create index list_members_by_account on list_members (account_id, target_id);

-- `name` is the hashtag as it was written by whoever follows it, for where nobody has used it yet.
create table tag_follows (
  account_id id not null,
  tag word not null,
  id id not null,
  name text not null,
  primary key (account_id, tag)
) without rowid;
create index tag_follows_by_account on tag_follows (account_id, id);
create index tag_follows_by_tag on tag_follows (tag, id, account_id);

-- `statuses` counts the account's public and unlisted statuses with the hashtag.
create table featured_tags (
  account_id id not null,
  tag word not null,
  id id not null unique,
  name text not null,
  statuses id not null default 0,
  last_status_at time,
  primary key (account_id, tag)
) without rowid;
create index featured_tags_by_account on featured_tags (account_id, id);

create table endorsements (
  account_id id not null,
  target_id id not null,
  id id not null,
  primary key (account_id, target_id)
) without rowid;
create index endorsements_by_account on endorsements (account_id, id);

-- Suggestions that were declined.
create table declined_suggestions (
  account_id id not null,
  target_id id not null,
  id id not null,
  primary key (account_id, target_id)
) without rowid;
create index declined_suggestions_by_account on declined_suggestions (account_id, id);

-- Servers that a person wants to see nothing of.
create table domain_blocks (
  account_id id not null,
  domain word not null,
  id id not null,
  primary key (account_id, domain)
) without rowid;
create index domain_blocks_by_account on domain_blocks (account_id, id);

-- What an instance tells of each week: counted every hour while it lasts, kept for twelve. `start` is a Monday's midnight.
create table weeks (
  start time primary key,
  statuses id not null,
  logins id not null,
  registrations id not null
);
