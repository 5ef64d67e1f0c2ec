-- Preview cards of links, quotes of statuses, and what is much used at the moment.

-- One for each address that posts link to. `card` is null until it was fetched, and where there is nothing to show;
-- from `expires_at` on the next post that links there has it fetched anew.
create table preview_cards (
  id id primary key,
  url text not null unique,
  card text,
  image_key text,
  language text,
  expires_at time not null default 0,
  used_at time not null
);
create index preview_cards_used on preview_cards (used_at);
alter table status_contents add column card_id id;
create index status_contents_card on status_contents (card_id, status_id) where card_id is not null;

-- Public posts that link there, as tag_uses counts those with a hashtag.
create table card_uses (
  card_id id not null,
  day id not null,
  account_id id not null,
  uses id not null default 1,
  primary key (card_id, day, account_id)
) without rowid;
create index card_uses_age on card_uses (day);

-- A quote: `quote_state` is 0 where there is none, else domain/quotes.py: State. It stays when the quoted one is gone.
-- `quote_policy` says who may quote this one: 0 nobody, 1 followers, 2 everybody.
alter table statuses add column quote_of_id id;
alter table statuses add column quote_state flag not null default 0;
alter table statuses add column quote_policy flag not null default 2;
alter table statuses add column quotes id not null default 0;
create index statuses_quotes on statuses (quote_of_id, id) where quote_of_id is not null;
alter table users add column default_quote_policy flag not null default 2;

-- What trends now, written anew by a schedule: `kind` is tag, status or link, `subject` a tag's key or an id.
create table trends (
  kind word not null,
  subject word not null,
  score double precision not null,
  primary key (kind, subject)
) without rowid;

-- What a moderator has taken out of the trends, for good.
create table untrended (
  kind word not null,
  subject word not null,
  moderator_id id,
  at time not null,
  primary key (kind, subject)
) without rowid;
