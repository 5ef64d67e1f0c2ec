-- name: insert
insert into accounts (id, username, username_key, domain, version, bot, locked, discoverable, indexable)
values (:id, :username, :username_key, :domain, :id, 0, 0, :discoverable, 1)
on conflict (username_key, domain) do nothing;

-- name: insert_profile
insert into profiles (account_id) values (:id);

-- name: id_by_name
select id from accounts where username_key = :username_key and domain = :domain;

-- name: by_names
-- Our own accounts with these names; `username_key` is the lower-case name.
select id, username, username_key from accounts
where username_key in (:names...) and domain = '' and suspended_at is null;

-- name: rows
select {account_row} from accounts a where a.id in (:ids...);

-- name: profiles
select a.id, a.version, a.username, a.domain, a.bot, a.locked, a.discoverable, a.indexable, a.hide_collections,
  a.suspended_at, a.silenced_at, p.display_name, p.note, p.note_html, p.fields,
  p.avatar_key, p.avatar_static_key, p.header_key, p.header_static_key, p.avatar_description, p.header_description, u.role,
  p.attribution_domains, p.show_media, p.show_media_replies, p.show_featured
from accounts a join profiles p on p.account_id = a.id left join users u on u.account_id = a.id
where a.id in (:ids...);

-- name: known
-- Those that there are for everybody: not deleted (a deleted account has no profile), and let in.
select {account_row} from accounts a join profiles p on p.account_id = a.id left join users u on u.account_id = a.id
where a.id in (:ids...) and (a.domain <> '' or a.suspended_at is not null
  or (u.confirmed_at is not null and u.approved_at is not null));

-- Searching and browsing ----------------------------------------------------------------------------------------

-- name: insert_term
insert into account_search (account_id, term) values (:account_id, :term) on conflict (account_id, term) do nothing;

-- name: delete_terms
delete from account_search where account_id = :account_id;

-- name: search
-- Accounts with a word between :low and :high, one between :last_low and :last_high and all of the others, nearest
-- first: of that very name, followed by :reader, with many followers. The inner limit bounds what is ranked.
select a.id from (
  select distinct x.account_id from account_search x
  where x.term >= :low and x.term < :high
    and exists (select 1 from account_search l
      where l.account_id = x.account_id and l.term >= :last_low and l.term < :last_high)
    and (select count(*) from account_search o where o.account_id = x.account_id and o.term in (:others...)) = :count
  limit :scan
) m
join accounts a on a.id = m.account_id and a.suspended_at is null
left join users u on u.account_id = a.id
left join follows f on f.account_id = :reader and f.target_id = a.id
where (a.domain <> '' or (u.confirmed_at is not null and u.approved_at is not null))
  and (:following = 0 or f.target_id is not null)
  and not exists (select 1 from blocks b where b.account_id = a.id and b.target_id = :reader)
  and (a.silenced_at is null or f.target_id is not null or a.id = :reader or a.username_key = :name)
order by case when a.username_key = :name then 0 when f.target_id is not null then 1 else 2 end, a.followers desc, a.id
limit :limit offset :offset;

-- name: directory_active
-- Who wants to be found, by their latest status.
select a.id from accounts a left join users u on u.account_id = a.id
where a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null and (:local = 0 or a.domain = '')
  and (a.domain <> '' or (u.confirmed_at is not null and u.approved_at is not null)) and {acquainted}
order by coalesce(a.last_status_at, 0) desc, a.id desc limit :limit offset :offset;

-- name: directory_new
select a.id from accounts a left join users u on u.account_id = a.id
where a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null and (:local = 0 or a.domain = '')
  and (a.domain <> '' or (u.confirmed_at is not null and u.approved_at is not null)) and {acquainted}
order by a.id desc limit :limit offset :offset;

-- What the owner sees and changes -------------------------------------------------------------------------------

-- name: credentials
select u.role, u.default_visibility, u.default_sensitive, u.default_language, u.locale, u.expand_media, u.expand_spoilers,
  (select count(*) from follow_requests r where r.target_id = u.account_id), u.default_quote_policy,
  u.default_content_type
from users u where u.account_id = :account_id;

-- name: set_profile
update profiles set display_name = :display_name, note = :note, note_html = :note_html, fields = :fields,
  avatar_key = :avatar_key, avatar_static_key = :avatar_static_key, header_key = :header_key,
  header_static_key = :header_static_key, avatar_description = :avatar_description,
  header_description = :header_description, attribution_domains = :attribution_domains, show_media = :show_media,
  show_media_replies = :show_media_replies, show_featured = :show_featured
where account_id = :account_id;

-- name: set_flags
update accounts set version = :version, locked = :locked, bot = :bot, discoverable = :discoverable,
  indexable = :indexable, hide_collections = :hide_collections
where id = :id and suspended_at is null;

-- name: set_defaults
update users set default_visibility = :visibility, default_sensitive = :sensitive, default_language = :language,
  default_quote_policy = :quote_policy, default_content_type = :content_type
where account_id = :account_id;
