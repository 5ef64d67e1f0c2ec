-- Files in the database: what stands under which key, and its pieces.

-- name: begin
insert into blobs (content_id, file_key, state, touched_at) values (:content_id, :file_key, 'coming', :now);

-- name: go_on
update blobs set touched_at = :now where content_id = :content_id and state = 'coming';

-- name: add
insert into blob_pieces (content_id, number, data) values (:content_id, :number, :data);

-- name: retire
-- What stands under a key stands there no longer. Swept before whatever is merely late.
update blobs set state = 'gone', touched_at = 0 where file_key = :file_key and state = 'kept' returning content_id;

-- name: keep
update blobs set state = 'kept', bytes = :bytes, touched_at = :now where content_id = :content_id;

-- name: find
select content_id, bytes from blobs where file_key = :file_key and state = 'kept';

-- name: part
select substr(data, :start, :length) from blob_pieces where content_id = :content_id and number = :number;

-- name: keys
select file_key from blobs where state = 'kept' and file_key > :after order by file_key limit :limit;

-- name: loose
-- What was deleted or replaced, and what has not gone on for long.
select content_id from blobs where state <> 'kept' and touched_at <= :before order by touched_at, content_id
limit :limit;

-- name: clear
delete from blob_pieces where content_id = :content_id and number in (
  select number from blob_pieces where content_id = :content_id order by number limit :limit
);

-- name: forget
delete from blobs where content_id = :content_id and state <> 'kept';
