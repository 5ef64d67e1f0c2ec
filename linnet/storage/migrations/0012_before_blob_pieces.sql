-- Files in the database, for machines that share neither a folder nor a bucket.

-- What was put under a key. `state` is `coming` until all pieces are there, then `kept`; a file that was deleted, or that
-- another one has replaced, is `gone` until its pieces are deleted.
create table blobs (
  content_id id primary key,
  file_key word not null,
  state text not null,
  bytes id not null default 0,
  touched_at time not null
);
create unique index blobs_kept on blobs (file_key) where state = 'kept';
create index blobs_loose on blobs (touched_at, content_id) where state <> 'kept';

-- A mebibyte each, the last one less.
create table blob_pieces (
  content_id id not null,
  number id not null,
  data bytes not null,
  primary key (content_id, number)
);
