-- Reason: PostgreSQL keeps a tsvector where SQLite has a virtual table with a match operator.

-- name: index_status
insert into status_search (status_id, terms) values (:id, array_to_tsvector(string_to_array(:terms, ' ')))
on conflict (status_id) do update set terms = excluded.terms;

-- name: forget_status
delete from status_search where status_id = :id;

-- name: statuses
select s.id, s.reblog_of_id from status_search x
join statuses s on s.id = x.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where x.terms @@ replace(replace(replace(:query, '"', ''''), ' AND ', ' & '), ' NOT ', ' & !')::tsquery and x.status_id < :max_id and x.status_id > :min_id
  and ((:public = 1 and a.indexable = 1 and s.visibility <= 1)
    or (:library = 1 and (s.account_id = :reader
      or exists (select 1 from favourites sf where sf.account_id = :reader and sf.status_id = s.id)
      or exists (select 1 from bookmarks sb where sb.account_id = :reader and sb.status_id = s.id)
      or exists (select 1 from statuses sr where sr.reblog_of_id = s.id and sr.account_id = :reader)
      or exists (select 1 from mentions sm where sm.status_id = s.id and sm.account_id = :reader))))
  and {visible} and {unblocked} and {audible}
order by x.status_id desc limit :limit offset :offset;

-- name: reblogs
select s.id, s.reblog_of_id from status_search x
join statuses s on s.reblog_of_id = x.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
join statuses so on so.id = s.reblog_of_id
join accounts oa on oa.id = so.account_id
where x.terms @@ replace(replace(replace(:query, '"', ''''), ' AND ', ' & '), ' NOT ', ' & !')::tsquery
  and s.id < :max_id and s.id > :min_id and (:anybody = 1 or s.account_id in (:authors...))
  and s.account_id not in (:not_authors...)
  and ((:public = 1 and a.indexable = 1 and oa.indexable = 1 and s.visibility <= 1)
    or (:library = 1 and s.account_id = :reader))
  and {visible} and {original_visible} and {unblocked} and {audible}
order by s.id desc limit :limit offset :offset;
