-- name: attach
-- Ties uploads of :account_id to a status; one that is tied already, kept for a draft, not ready, or somebody else's, is not found.
update media_attachments set status_id = :status_id
where id in (:ids...) and account_id = :account_id and (status_id is null or status_id = :status_id) and draft_id is null
  and state = 'ready'
returning id, type, file_key, preview_key, description, blurhash, meta;

-- name: attachable
-- What "attach" would find, for whoever only looks.
select id, type, file_key, preview_key, description, blurhash, meta from media_attachments
where id in (:ids...) and account_id = :account_id and (status_id is null or status_id = :status_id) and draft_id is null
  and state = 'ready';

-- name: insert
insert into media_attachments (id, account_id, type, mime, file_key, preview_key, description, focus_x, focus_y, blurhash, meta)
values (:id, :account_id, :type, :mime, :file_key, :preview_key, :description, :focus_x, :focus_y, :blurhash, :meta);

-- name: insert_waiting
-- A film or a sound that is still to be made ready; it may have a preview of its own already.
insert into media_attachments (id, account_id, type, mime, file_key, preview_key, description, focus_x, focus_y, blurhash, meta,
  state, source_key)
values (:id, :account_id, :type, '', '', :preview_key, :description, :focus_x, :focus_y, :blurhash, :meta,
  'processing', :source_key);

-- name: unready
-- Which of these uploads are still being made ready.
select id from media_attachments where id in (:ids...) and account_id = :account_id and state = 'processing';

-- name: waiting
-- What a job makes ready; nothing where it was deleted or is done.
select account_id, source_key, preview_key, blurhash, meta from media_attachments
where id = :id and state = 'processing';

-- name: ready
update media_attachments set state = 'ready', source_key = null, type = :type, mime = :mime, file_key = :file_key,
  preview_key = :preview_key, blurhash = :blurhash, meta = :meta
where id = :id and state = 'processing';

-- name: failed
update media_attachments set state = 'failed', source_key = null, error = :error where id = :id and state = 'processing';

-- name: own
-- One's own upload; `status_id` 0 where it is not attached.
select id, type, file_key, preview_key, description, blurhash, meta, coalesce(status_id, 0), state, coalesce(error, '')
from media_attachments
where id = :id and account_id = :account_id;

-- name: set_preview
-- Another thumbnail, for a film or a sound that no status shows yet.
update media_attachments set preview_key = :preview_key, blurhash = :blurhash, meta = :meta
where id = :id and account_id = :account_id and status_id is null;

-- name: describe
update media_attachments set description = :description, focus_x = :focus_x, focus_y = :focus_y, meta = :meta
where id = :id and account_id = :account_id;

-- name: detach
update media_attachments set status_id = null where id = :id and account_id = :account_id;

-- name: detach_all
update media_attachments set status_id = null where status_id = :status_id;

-- name: delete
-- Only what no status shows and no draft keeps.
delete from media_attachments where id = :id and account_id = :account_id and status_id is null and draft_id is null
returning file_key, preview_key, coalesce(source_key, '');
