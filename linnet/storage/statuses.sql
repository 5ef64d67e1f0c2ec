-- name: insert
-- A new status, or a reblog (which has no content of its own). No row: another one has the id.
insert into statuses (id, account_id, version, visibility, reblog_of_id, in_reply_to_id, in_reply_to_account_id,
  thread_id, language, has_media, has_mentions, has_poll, local_only, merged)
values (:id, :account_id, :id, :visibility, :reblog_of_id, :in_reply_to_id, :in_reply_to_account_id,
  :thread_id, :language, :has_media, :has_mentions, :has_poll, :local_only, :merged)
on conflict (id) do nothing;

-- name: insert_content
insert into status_contents (status_id, account_id, version, text, spoiler, html, sensitive, mentions, tags, media,
  app_name, app_website, poll, card_id, content_type)
values (:id, :account_id, :id, :text, :spoiler, :html, :sensitive, :mentions, :tags, :media, :app_name, :app_website,
  :poll, :card_id, :content_type);

-- name: insert_mention
insert into mentions (status_id, account_id) values (:status_id, :account_id) on conflict (status_id, account_id) do nothing;

-- name: mentioned
select account_id from mentions where status_id = :id order by account_id;

-- name: insert_tag
insert into tags (key, name, last_status_at) values (:key, :name, :now)
on conflict (key) do update set last_status_at = excluded.last_status_at;

-- name: insert_status_tag
insert into status_tags (tag, status_id, account_id) values (:tag, :status_id, :account_id)
on conflict (tag, status_id) do nothing;

-- name: count_author
-- Takes the author's row for this transaction, and says how its posts are fanned out. Somebody suspended is not found.
update accounts set statuses = statuses + :step, last_status_at = coalesce(:at, last_status_at)
where id = :id and suspended_at is null
returning followers, merged;

-- name: poster
-- How somebody's posts are fanned out. Somebody suspended is not found.
select followers, merged from accounts where id = :id and suspended_at is null;

-- name: author
-- What a status that may not be stored yet shows of its author, who has posted one more if it is not, and whether its
-- conversation is muted.
select a.version, a.followers, a.following,
  a.statuses + case when exists (select 1 from statuses s where s.id = :status_id) then 0 else :step end, a.username,
  case when exists (select 1 from thread_mutes m where m.account_id = a.id and m.thread_id = :thread_id) then 8 else 0 end
from accounts a where a.id = :id and a.suspended_at is null;

-- name: taken
-- Those ids that statuses have.
select id from statuses where id in (:ids...);

-- name: authors
-- Those accounts that may have statuses (one that was deleted has no profile), and how theirs are fanned out.
select a.id, a.followers, a.merged from accounts a join profiles p on p.account_id = a.id where a.id in (:ids...);

-- name: count
-- What count_author does, for somebody whose statuses are on their way already.
update accounts set statuses = statuses + :step, last_status_at = coalesce(:at, last_status_at) where id = :id;

-- name: set_merged
update accounts set merged = 1 where id = :id;

-- name: count_reply
update statuses set replies = replies + :step where id = :id;

-- name: parent
-- What a reply needs of the status that it answers, if :reader may see it.
select s.id, s.account_id, s.thread_id, s.in_reply_to_account_id, s.visibility, s.local_only from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and s.reblog_of_id is null and {visible};

-- name: answered
-- The same for whoever only looks, on a standby perhaps: no row is held.
select s.id, s.account_id, s.thread_id, s.in_reply_to_account_id, s.visibility, s.local_only from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and s.reblog_of_id is null and {visible};

-- name: one
-- A status's row, if :reader may see it.
select {status_row} from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and {visible};

-- name: visible
-- Those of the ids that :reader may see.
select s.id, s.reblog_of_id from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id in (:ids...) and {visible};

-- name: in_thread
-- Those of the ids that :reader may see and is shown around another status: nobody silenced, blocked or muted.
select s.id, s.reblog_of_id from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id in (:ids...) and {visible} and {unblocked} and {audible};

-- name: rows
-- The rows behind a page: counts, the author's counts, and what :reader has done. Whether :reader may see them was asked before.
select {status_row}
from statuses s join accounts a on a.id = s.account_id
where s.id in (:ids...);

-- name: contents
select c.status_id, c.version, c.account_id, c.text, c.spoiler, c.html, c.sensitive, c.mentions, c.tags, c.media,
  c.app_name, c.app_website, c.edited_at, a.username, c.poll, pc.card, c.content_type,
  s.local_only, s.language, s.in_reply_to_id
from status_contents c join accounts a on a.id = c.account_id join statuses s on s.id = c.status_id
left join preview_cards pc on pc.id = c.card_id where c.status_id in (:ids...);

-- name: target
-- The status that something is to be done to, if :reader may see it.
select s.id, s.account_id, s.thread_id, s.visibility, s.reblog_of_id, s.in_reply_to_id from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and {visible};

-- name: own
-- A status of :account_id's own, taken for this transaction.
select s.id, s.account_id, s.thread_id, s.visibility, s.reblog_of_id, s.in_reply_to_id from statuses s
where s.id = :id and s.account_id = :account_id;

-- name: insert_reblog
insert into statuses (id, account_id, version, visibility, reblog_of_id, thread_id, merged, local_only)
select :id, :account_id, :id, :visibility, o.id, :thread_id, :merged, o.local_only from statuses o
where o.id = :reblog_of_id
on conflict (reblog_of_id, account_id) where reblog_of_id is not null do nothing;

-- name: reblog_of
select id from statuses where reblog_of_id = :status_id and account_id = :account_id;

-- name: count_reblog
update statuses set reblogs = reblogs + :step where id = :id;

-- name: count_favourite
update statuses set favourites = favourites + :step where id = :id;

-- name: delete
delete from statuses where id = :id and account_id = :account_id;

-- name: uncount_author
update accounts set statuses = statuses - 1 where id = :id;

-- name: delete_content
delete from status_contents where status_id = :id;

-- name: delete_mentions
delete from mentions where status_id = :id;

-- name: delete_tags
delete from status_tags where status_id = :id;

-- name: delete_edits
delete from status_edits where status_id = :id;

-- name: delete_notifications
delete from notifications where status_id = :id and status_id <> 0;

-- name: set_version
update statuses set version = :version, language = :language, has_media = :has_media,
  has_mentions = case when :has_mentions = 1 then 1 else has_mentions end, has_poll = :has_poll
where id = :id;

-- name: update_content
update status_contents set version = :version, text = :text, spoiler = :spoiler, html = :html, sensitive = :sensitive,
  mentions = :mentions, tags = :tags, media = :media, poll = :poll,
  content_type = :content_type, card_id = :card_id, edited_at = :now
where status_id = :status_id;

-- name: insert_edit
insert into status_edits (status_id, version, text, spoiler, html, sensitive, media, poll, created_at)
values (:status_id, :version, :text, :spoiler, :html, :sensitive, :media, :poll, :created_at)
on conflict (status_id, version) do nothing;

-- name: trim_edits
-- Of a status that was edited ever so often, how it began and its latest states are kept.
delete from status_edits where status_id = :status_id
  and version > (select min(e.version) from status_edits e where e.status_id = :status_id)
  and version <= (
    select e.version from status_edits e where e.status_id = :status_id order by e.version desc limit 1 offset :latest);

-- name: edits
select text, spoiler, html, sensitive, media, created_at, poll from status_edits
where status_id = :status_id order by version limit 200;

-- name: orphans
-- Reblogs of a status that is gone, a batch at a time.
select id, account_id from statuses where reblog_of_id = :id limit :limit;

-- name: replies_to
select id from statuses where in_reply_to_id = :id limit :limit;

-- name: forget_parent
update statuses set in_reply_to_id = null, version = :version where id = :id;

-- name: touch_content
update status_contents set version = :version where status_id = :id;

-- name: renew
-- What changed is not the author's doing: no edit, only another version.
update statuses set version = :version where id = :id;

-- name: renew_edit
-- The state that is shown now is among those that are kept, under its version.
update status_edits set version = :version
where status_id = :id and version = (select c.version from status_contents c where c.status_id = :id);

-- name: delete_favourites
delete from favourites where status_id = :id;

-- name: ancestors
-- From the status upwards, the nearest first.
with recursive up (id, in_reply_to_id, depth) as (
  select s.id, s.in_reply_to_id, 0 from statuses s where s.id = :id
  union all
  select p.id, p.in_reply_to_id, up.depth + 1 from up join statuses p on p.id = up.in_reply_to_id where up.depth < :limit
)
select id from up where depth > 0 order by depth;

-- name: descendants
-- Everything below the status, with what each answers, the oldest first.
with recursive down (id, parent_id, depth) as (
  select s.id, s.in_reply_to_id, 1 from statuses s where s.in_reply_to_id = :id
  union all
  select c.id, c.in_reply_to_id, down.depth + 1 from down join statuses c on c.in_reply_to_id = down.id
  where down.depth < :depth
)
select id, parent_id from down order by id limit :limit;

-- name: favourited_by
select f.account_id, f.id from favourites f join accounts a on a.id = f.account_id and a.suspended_at is null
where f.status_id = :status_id and {acquainted} and :page(f.id);

-- name: reblogged_by
select r.account_id, r.id from statuses r join accounts a on a.id = r.account_id and a.suspended_at is null
where r.reblog_of_id = :status_id and {acquainted} and :page(r.id);

-- name: rebloggers
select account_id, id from statuses where reblog_of_id = :status_id and id > :after order by id limit :limit;
