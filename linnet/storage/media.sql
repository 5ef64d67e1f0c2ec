-- name: attach
-- Ties uploads of :account_id to a status; one that is tied already, or somebody else's, is not found.
update media_attachments set status_id = :status_id
where id in (:ids...) and account_id = :account_id and (status_id is null or status_id = :status_id)
returning id, type, file_key, preview_key, description, blurhash, meta;

-- name: insert
insert into media_attachments (id, account_id, type, mime, file_key, preview_key, description, focus_x, focus_y, blurhash, meta)
values (:id, :account_id, :type, :mime, :file_key, :preview_key, :description, :focus_x, :focus_y, :blurhash, :meta);

-- name: own
-- One's own upload; `status_id` 0 where it is not attached.
select id, type, file_key, preview_key, description, blurhash, meta, coalesce(status_id, 0) from media_attachments
where id = :id and account_id = :account_id;

-- name: describe
update media_attachments set description = :description, focus_x = :focus_x, focus_y = :focus_y, meta = :meta
where id = :id and account_id = :account_id;

-- name: detach
update media_attachments set status_id = null where id = :id and account_id = :account_id;

-- name: detach_all
update media_attachments set status_id = null where status_id = :status_id;

-- name: delete
-- Only what no status shows.
delete from media_attachments where id = :id and account_id = :account_id and status_id is null
returning file_key, preview_key;
