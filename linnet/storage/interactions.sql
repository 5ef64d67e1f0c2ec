-- What an account does to a status. An insert that inserts nothing, or a delete that deletes nothing, counts nothing.

-- name: favourite
insert into favourites (account_id, status_id, id) values (:account_id, :status_id, :id)
on conflict (account_id, status_id) do nothing;

-- name: unfavourite
delete from favourites where account_id = :account_id and status_id = :status_id;

-- name: bookmark
insert into bookmarks (account_id, status_id, id) values (:account_id, :status_id, :id)
on conflict (account_id, status_id) do nothing;

-- name: unbookmark
delete from bookmarks where account_id = :account_id and status_id = :status_id;

-- name: pin
insert into pins (account_id, status_id, id) values (:account_id, :status_id, :id)
on conflict (account_id, status_id) do nothing;

-- name: unpin
delete from pins where account_id = :account_id and status_id = :status_id;

-- name: pins
select count(*) from pins where account_id = :account_id;

-- name: mute_thread
insert into thread_mutes (account_id, thread_id) values (:account_id, :thread_id)
on conflict (account_id, thread_id) do nothing;

-- name: unmute_thread
delete from thread_mutes where account_id = :account_id and thread_id = :thread_id;

-- name: favourites
-- What :reader has favourited and may still see, by when it was favourited.
select s.id, f.id from favourites f join statuses s on s.id = f.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where f.account_id = :reader and {visible} and :page(f.id);

-- name: bookmarks
select s.id, b.id from bookmarks b join statuses s on s.id = b.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where b.account_id = :reader and {visible} and :page(b.id);
