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
where x.terms @@ (
    select string_agg('''' || term || '''', ' & ')::tsquery from unnest(string_to_array(replace(:query, '"', ''), ' ')) term) and x.status_id < :max_id and x.status_id > :min_id
  and (:author = 0 or s.account_id = :author)
  and (s.account_id = :reader or (a.indexable = 1 and s.visibility <= 1)
    or exists (select 1 from favourites sf where sf.account_id = :reader and sf.status_id = s.id)
    or exists (select 1 from bookmarks sb where sb.account_id = :reader and sb.status_id = s.id)
    or exists (select 1 from mentions sm where sm.status_id = s.id and sm.account_id = :reader))
  and {visible} and {unblocked} and {audible}
order by x.status_id desc limit :limit offset :offset;
