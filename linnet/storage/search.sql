-- name: index_status
-- In place of what it was found by before.
insert or replace into status_search (rowid, terms) values (:id, :terms);

-- name: forget_status
delete from status_search where rowid = :id;

-- name: statuses
-- Statuses that match, that :reader may see, and that are :public (their authors are found) or in :reader's :library.
select s.id, s.reblog_of_id from status_search x
join statuses s on s.id = x.rowid
join accounts a on a.id = s.account_id and a.suspended_at is null
where status_search match :query and x.rowid < :max_id and x.rowid > :min_id
  and ((:public = 1 and a.indexable = 1 and s.visibility <= 1)
    or (:library = 1 and (s.account_id = :reader
      or exists (select 1 from favourites sf where sf.account_id = :reader and sf.status_id = s.id)
      or exists (select 1 from bookmarks sb where sb.account_id = :reader and sb.status_id = s.id)
      or exists (select 1 from statuses sr where sr.reblog_of_id = s.id and sr.account_id = :reader)
      or exists (select 1 from mentions sm where sm.status_id = s.id and sm.account_id = :reader))))
  and {visible} and {unblocked} and {audible}
order by x.rowid desc limit :limit offset :offset;

-- name: reblogs
-- Reblogs of statuses that match and are public, newest first: by :authors, or by anybody where :anybody.
select s.id, s.reblog_of_id from status_search x
join statuses s on s.reblog_of_id = x.rowid
join accounts a on a.id = s.account_id and a.suspended_at is null
join statuses so on so.id = s.reblog_of_id
join accounts oa on oa.id = so.account_id
where status_search match :query
  and s.id < :max_id and s.id > :min_id and (:anybody = 1 or s.account_id in (:authors...))
  and s.account_id not in (:not_authors...)
  and ((:public = 1 and a.indexable = 1 and oa.indexable = 1 and s.visibility <= 1)
    or (:library = 1 and s.account_id = :reader))
  and {visible} and {original_visible} and {unblocked} and {audible}
order by s.id desc limit :limit offset :offset;

-- name: named
-- Accounts with these names, :domain '' for our own; `username_key` is the lower-case name.
select id, username_key, domain from accounts
where username_key in (:names...) and domain in (:domains...) and suspended_at is null;

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
