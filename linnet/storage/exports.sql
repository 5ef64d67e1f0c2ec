-- Archives that are made of accounts: how far each is, its pieces, and the rows that go into it, in order and in batches.

-- name: insert
insert into exports (id, account_id, state, folder, cursor, total, created_at, moved_at, expires_at)
values (:id, :account_id, 'running', :folder, :cursor, :total, :now, :now, :expires_at)
on conflict (account_id) where state = 'running' do nothing;

-- name: give_up
-- One that nobody has gone on with for long: the process that was at it is gone.
update exports set state = 'failed', moved_at = :now
where account_id = :account_id and state = 'running' and moved_at < :before;

-- name: one
select id, account_id, state, folder, cursor, pending, done, total, bytes, created_at, expires_at from exports
where id = :id;

-- name: listed
select id, account_id, state, folder, cursor, pending, done, total, bytes, created_at, expires_at from exports
where account_id = :account_id order by id desc limit 20;

-- name: claim_piece
update exports set pending = :pending, moved_at = :now where id = :id and state = 'running';

-- name: advance
-- Only whoever has claimed the piece may add it.
update exports set cursor = :cursor, pending = null, done = :done, bytes = bytes + :bytes, moved_at = :now
where id = :id and pending = :pending and state = 'running';

-- name: settle
update exports set state = :state, pending = null, expires_at = :expires_at, moved_at = :now
where id = :id and state = 'running';

-- name: retire
-- One that is being taken away; the file that is being written is still known.
update exports set state = 'failed', expires_at = 0, moved_at = :now where id = :id;

-- name: insert_part
insert into export_parts (export_id, number, file_key, bytes, entries)
values (:export_id, :number, :file_key, :bytes, :entries);

-- name: parts
select number, file_key, bytes, entries from export_parts
where export_id = :export_id and number > :after order by number limit :limit;

-- name: delete_parts
delete from export_parts where export_id = :export_id and number in (:numbers...);

-- name: delete
delete from exports where id = :id;

-- name: expired
-- What nobody may fetch any more, and what nobody is making any more.
select id from exports where expires_at < :now order by expires_at limit :limit;

-- name: of_account
select id from exports where account_id = :account_id and state <> 'running' order by id limit :limit;

-- name: all_of_account
select id from exports where account_id = :account_id order by id limit :limit;

-- name: size
-- How much there is to be written.
select (select count(*) from statuses s where s.account_id = :account_id)
  + (select count(*) from media_attachments m where m.account_id = :account_id and m.status_id is not null)
  + (select count(*) from favourites f where f.account_id = :account_id)
  + (select count(*) from bookmarks b where b.account_id = :account_id)
  + (select count(*) from follows w where w.account_id = :account_id)
  + (select count(*) from follows r where r.target_id = :account_id);

-- The account itself ----------------------------------------------------------------------------------------------

-- name: profile
select a.username, p.display_name, p.note, p.note_html, p.fields, p.avatar_key, p.header_key, p.avatar_description,
  p.header_description, a.bot, a.locked, a.discoverable, a.indexable, a.hide_collections
from accounts a join profiles p on p.account_id = a.id where a.id = :account_id;

-- name: preferences
select locale, default_visibility, default_sensitive, default_language, expand_media, expand_spoilers,
  default_content_type, created_at
from users where account_id = :account_id;

-- What it has written -----------------------------------------------------------------------------------------------

-- name: posts
-- Statuses and reblogs, the oldest first, with what each answers or shows.
select s.id, s.visibility, s.language, s.in_reply_to_id, pa.username, s.reblog_of_id, oa.username, q.counts, q.voters, s.local_only,
  c.text, c.spoiler, c.html, c.sensitive, c.mentions, c.tags, c.media, c.edited_at, c.poll, c.content_type
from statuses s
left join status_contents c on c.status_id = s.id
left join statuses p on p.id = s.in_reply_to_id left join accounts pa on pa.id = p.account_id
left join statuses o on o.id = s.reblog_of_id left join accounts oa on oa.id = o.account_id
left join polls q on q.status_id = s.id
where s.account_id = :account_id and s.id > :after order by s.id limit :limit;

-- name: media
select m.id, m.file_key from media_attachments m
where m.account_id = :account_id and m.status_id is not null and m.id > :after order by m.id limit :limit;

-- name: favourites
select f.id, s.id, a.username from favourites f join statuses s on s.id = f.status_id join accounts a on a.id = s.account_id
where f.account_id = :account_id and f.id > :after order by f.id limit :limit;

-- name: bookmarks
select b.id, s.id, a.username from bookmarks b join statuses s on s.id = b.status_id join accounts a on a.id = s.account_id
where b.account_id = :account_id and b.id > :after order by b.id limit :limit;

-- name: pins
select p.id, s.id, a.username from pins p join statuses s on s.id = p.status_id join accounts a on a.id = s.account_id
where p.account_id = :account_id and p.id > :after order by p.id limit :limit;

-- name: thread_mutes
select s.id, s.id, a.username from thread_mutes t join statuses s on s.id = t.thread_id
join accounts a on a.id = s.account_id
where t.account_id = :account_id and t.thread_id > :after order by t.thread_id limit :limit;

-- Whom it knows -------------------------------------------------------------------------------------------------------

-- name: follows
select f.id, a.username, a.domain, f.reblogs, f.notify, f.languages from follows f join accounts a on a.id = f.target_id
where f.account_id = :account_id and f.id > :after order by f.id limit :limit;

-- name: requests
select r.target_id, a.username, a.domain, r.reblogs, r.notify, r.languages from follow_requests r
join accounts a on a.id = r.target_id
where r.account_id = :account_id and r.target_id > :after order by r.target_id limit :limit;

-- name: followers
select f.id, a.username, a.domain from follows f join accounts a on a.id = f.account_id
where f.target_id = :account_id and f.id > :after order by f.id limit :limit;

-- name: blocks
select b.id, a.username, a.domain from blocks b join accounts a on a.id = b.target_id
where b.account_id = :account_id and b.id > :after order by b.id limit :limit;

-- name: mutes
select m.id, a.username, a.domain, m.notifications, m.expires_at from mutes m join accounts a on a.id = m.target_id
where m.account_id = :account_id and m.id > :after order by m.id limit :limit;

-- name: notes
select n.target_id, a.username, a.domain, n.comment from account_notes n join accounts a on a.id = n.target_id
where n.account_id = :account_id and n.target_id > :after order by n.target_id limit :limit;

-- name: endorsements
select e.id, a.username, a.domain from endorsements e join accounts a on a.id = e.target_id
where e.account_id = :account_id and e.id > :after order by e.id limit :limit;

-- name: lists
select l.id, l.title, l.replies_policy, l.exclusive from lists l
where l.account_id = :account_id and l.id > :after order by l.id limit :limit;

-- name: list_members
select m.id, l.title, a.username, a.domain from list_members m join lists l on l.id = m.list_id
join accounts a on a.id = m.target_id
where m.account_id = :account_id and m.id > :after order by m.id limit :limit;

-- What it wants to see ------------------------------------------------------------------------------------------------

-- name: followed_tags
select t.id, t.name from tag_follows t where t.account_id = :account_id and t.id > :after order by t.id limit :limit;

-- name: featured_tags
select t.id, t.name from featured_tags t where t.account_id = :account_id and t.id > :after order by t.id limit :limit;

-- name: domain_blocks
select d.id, d.domain from domain_blocks d where d.account_id = :account_id and d.id > :after order by d.id limit :limit;

-- name: filters
select f.id, f.title, f.contexts, f.action, f.expires_at from filters f
where f.account_id = :account_id and f.id > :after order by f.id limit :limit;

-- name: filter_keywords
select k.filter_id, k.keyword, k.whole_word from filter_keywords k
where k.account_id = :account_id and k.filter_id in (:ids...) order by k.id;

-- name: filter_statuses
select x.filter_id, s.id, a.username from filter_statuses x join statuses s on s.id = x.status_id
join accounts a on a.id = s.account_id
where x.account_id = :account_id and x.filter_id in (:ids...) order by x.id;

-- name: drafts
select d.id, d.content, d.scheduled_at from drafts d
where d.account_id = :account_id and d.id > :after order by d.id limit :limit;
