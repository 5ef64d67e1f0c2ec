-- Films and sounds are made ready after they were taken. `state` is ready, processing or failed; `source_key` is the
-- upload that still waits; `error` says in words why nothing could be made of it. Keys are '' where there is no file.
alter table media_attachments add column state word not null default 'ready';
alter table media_attachments add column source_key text;
alter table media_attachments add column error text;
