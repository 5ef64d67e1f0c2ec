-- name: index_status
insert into status_search (rowid, terms) values (:id, :terms);

-- name: forget_status
delete from status_search where rowid = :id;

-- name: statuses
-- Statuses that have all the terms, that :reader may see, and whose author is found or who are in :reader's library.
select s.id, s.reblog_of_id from status_search x
join statuses s on s.id = x.rowid
join accounts a on a.id = s.account_id and a.suspended_at is null
where status_search match :query and x.rowid < :max_id and x.rowid > :min_id
  and (:author = 0 or s.account_id = :author)
  and (s.account_id = :reader or (a.indexable = 1 and s.visibility <= 1)
    or exists (select 1 from favourites sf where sf.account_id = :reader and sf.status_id = s.id)
    or exists (select 1 from bookmarks sb where sb.account_id = :reader and sb.status_id = s.id)
    or exists (select 1 from mentions sm where sm.status_id = s.id and sm.account_id = :reader))
  and {visible} and {unblocked} and {audible}
order by x.rowid desc limit :limit offset :offset;

-- name: tags
-- Hashtags between :first and :last, those that were used last first.
select key, name from tags where key >= :first and key < :last order by last_status_at desc limit :limit offset :offset;

-- name: tag
select key, name from tags where key = :key;

-- name: tag_history
select tag, day, sum(uses), count(*) from tag_uses where tag in (:keys...) and day >= :since group by tag, day;

-- name: count_use
insert into tag_uses (tag, day, account_id) values (:tag, :day, :account_id)
on conflict (tag, day, account_id) do update set uses = tag_uses.uses + 1;
