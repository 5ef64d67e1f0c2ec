-- Archives that are taken in: how far each is, what was found in them, what was refused, and which post is which.

-- name: insert
insert into imports (id, account_id, kind, options, name, state, file_key, cursor, bytes, created_at, moved_at)
values (:id, :account_id, :kind, :options, :name, 'running', :file_key, '{}', :bytes, :now, :now)
on conflict (account_id) where state = 'running' do nothing;

-- name: give_up
-- One that nobody has gone on with for long: the process that was at it is gone.
update imports set state = 'failed', error = 'It was interrupted', moved_at = :now
where account_id = :account_id and state = 'running' and moved_at < :before;

-- name: one
select id, account_id, kind, options, name, state, file_key, cursor, bytes, done, total, imported, skipped, refused,
  error, created_at, moved_at from imports where id = :id;

-- name: listed
select id, account_id, kind, options, name, state, file_key, cursor, bytes, done, total, imported, skipped, refused,
  error, created_at, moved_at from imports where account_id = :account_id order by id desc limit 20;

-- name: advance
-- Only from where it was found: of two who are at it, one goes on.
update imports set cursor = :cursor, done = :done, total = :total, imported = imported + :imported,
  skipped = skipped + :skipped, refused = refused + :refused, moved_at = :now
where id = :id and state = 'running' and cursor = :before;

-- name: settle
update imports set state = :state, error = :error, file_key = '', moved_at = :now where id = :id and state = 'running';

-- name: delete
delete from imports where id = :id;

-- name: delete_lines
delete from import_lines where import_id = :import_id;

-- name: old
select id from imports where moved_at < :before order by moved_at limit :limit;

-- name: beyond
-- All but the account's latest.
select id from imports where account_id = :account_id and state <> 'running' order by id desc limit 10 offset :kept;

-- name: all_of_account
select id from imports where account_id = :account_id order by id limit :limit;

-- name: delete_imported
delete from imported_statuses where account_id = :account_id and source in (
  select i.source from imported_statuses i where i.account_id = :account_id limit :limit);

-- What was found ------------------------------------------------------------------------------------------------------

-- name: insert_item
insert into import_items (import_id, rank, at, number, kind, payload)
values (:import_id, :rank, :at, :number, :kind, :payload);

-- name: items
select rank, at, number, kind, payload from import_items
where import_id = :import_id and (rank, at, number) > (:rank, :at, :number) order by rank, at, number limit :limit;

-- name: set_target
update import_items set target = :target
where import_id = :import_id and rank = :rank and at = :at and number = :number;

-- name: delete_items
delete from import_items where (import_id, rank, at, number) in (
  select i.import_id, i.rank, i.at, i.number from import_items i where i.import_id = :import_id limit :limit);

-- name: insert_file
insert into import_files (import_id, name, place, file_key) values (:import_id, :name, :place, :file_key)
on conflict (import_id, name) do nothing;

-- name: files
select name, place, file_key from import_files where import_id = :import_id and name in (:names...);

-- name: unpacked
select name, file_key from import_files where import_id = :import_id order by name limit :limit;

-- name: delete_files
delete from import_files where import_id = :import_id and name in (:names...);

-- name: add_line
insert into import_lines (import_id, number, item, why) values (:import_id, :number, :item, :why)
on conflict (import_id, number) do nothing;

-- name: lines
select item, why from import_lines where import_id = :import_id order by number limit :limit;

-- What it becomes -----------------------------------------------------------------------------------------------------

-- name: status_of
-- Which status of the account a source has become, where that is still there.
select i.status_id, s.id, s.thread_id, s.in_reply_to_account_id from imported_statuses i
left join statuses s on s.id = i.status_id
where i.account_id = :account_id and i.source = :source;

-- name: own_status
select s.id, s.thread_id, s.in_reply_to_account_id from statuses s where s.id = :id and s.account_id = :account_id
  and s.reblog_of_id is null;

-- name: forget_source
delete from imported_statuses where account_id = :account_id and source = :source;

-- name: latest_between
-- The last id that imports have given out in a millisecond.
select max(i.status_id) from imported_statuses i where i.status_id >= :first and i.status_id <= :last;

-- name: claim
-- Ids of the node of imports are given out here and nowhere else, so that whatever the row says is nobody else's.
insert into imported_statuses (account_id, source, status_id) values (:account_id, :source, :status_id)
on conflict do nothing;

-- name: insert_status
insert into statuses (id, account_id, version, visibility, in_reply_to_id, in_reply_to_account_id, thread_id, language,
  has_media, has_poll, local_only)
values (:id, :account_id, :version, :visibility, :in_reply_to_id, :in_reply_to_account_id, :thread_id, :language,
  :has_media, :has_poll, :local_only);

-- name: insert_content
insert into status_contents (status_id, account_id, version, text, spoiler, html, sensitive, tags, media, poll,
  content_type, edited_at)
values (:id, :account_id, :version, :text, :spoiler, :html, :sensitive, :tags, :media, :poll, :content_type, :edited_at);

-- name: insert_poll
insert into polls (status_id, account_id, expires_at, voters, counts)
values (:status_id, :account_id, :expires_at, :voters, :counts);

-- name: insert_tag
-- A hashtag of long ago is not one that was used just now.
insert into tags (key, name, last_status_at) values (:key, :name, :at) on conflict (key) do nothing;

-- name: count_author
update accounts set statuses = statuses + :step,
  last_status_at = case when last_status_at is null or last_status_at < :at then :at else last_status_at end
where id = :id and suspended_at is null;

-- Replacing what was there ----------------------------------------------------------------------------------------------

-- name: other_follows
select f.target_id from follows f where f.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = f.target_id) limit :limit;

-- name: other_mutes
select m.target_id from mutes m where m.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = m.target_id) limit :limit;

-- name: other_blocks
select b.target_id from blocks b where b.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = b.target_id) limit :limit;

-- name: other_bookmarks
select b.status_id from bookmarks b where b.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = b.status_id) limit :limit;

-- name: other_domain_blocks
select d.id from domain_blocks d where d.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = d.id) limit :limit;

-- name: domain_block
select d.id from domain_blocks d where d.account_id = :account_id and d.domain = :domain;

-- name: blocked_domain
select d.domain from domain_blocks d where d.account_id = :account_id and d.id = :id;

-- name: other_lists
select l.id from lists l where l.account_id = :account_id and not exists (
  select 1 from import_items i where i.import_id = :import_id and i.target = l.id) limit :limit;
