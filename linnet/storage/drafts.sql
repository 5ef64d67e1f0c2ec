-- Statuses that are not posted yet: drafts, and with a time scheduled ones.

-- name: insert
insert into drafts (id, account_id, content, scheduled_at, updated_at)
values (:id, :account_id, :content, :scheduled_at, :now);

-- name: taken
-- One of them, taken for this transaction.
select id, account_id, content, scheduled_at, updated_at from drafts where id = :id;

-- name: change
update drafts set content = :content, updated_at = :now where id = :id;

-- name: set_time
update drafts set scheduled_at = :scheduled_at, updated_at = :now where id = :id;

-- name: delete
delete from drafts where id = :id;

-- name: one
select id, account_id, content, scheduled_at, updated_at from drafts
where id = :id and account_id = :account_id and case when scheduled_at is null then 0 else 1 end = :scheduled;

-- name: page
select d.id, d.account_id, d.content, d.scheduled_at, d.updated_at from drafts d
where d.account_id = :account_id and case when d.scheduled_at is null then 0 else 1 end = :scheduled and :page(d.id);

-- name: counts
-- How many are scheduled besides :but, how many of them on the day that begins at :day, and how many are drafts.
select count(scheduled_at), count(case when scheduled_at >= :day and scheduled_at < :day_end then 1 end),
  count(case when scheduled_at is null then 1 end)
from drafts where account_id = :account_id and id <> :but;

-- name: hold
-- Keeps uploads of :account_id for a draft: nothing else may show or delete them.
update media_attachments set draft_id = :draft_id
where id in (:ids...) and account_id = :account_id and status_id is null and (draft_id is null or draft_id = :draft_id)
returning type, state;

-- name: release
update media_attachments set draft_id = null where draft_id = :draft_id;

-- name: media
select draft_id, id, type, file_key, preview_key, description, blurhash, meta from media_attachments
where draft_id in (:ids...);

-- name: of_account
select id from drafts where account_id = :account_id order by id limit :limit;
