-- name: filters
select id, title, contexts, action, expires_at from filters where account_id = :account_id order by id;

-- name: version
select filters_version from users where account_id = :account_id;

-- name: filter
select id, title, contexts, action, expires_at from filters where id = :id and account_id = :account_id;

-- name: keywords
select id, filter_id, keyword, whole_word from filter_keywords where account_id = :account_id order by filter_id, id;

-- name: keywords_of
select id, filter_id, keyword, whole_word from filter_keywords
where account_id = :account_id and filter_id = :filter_id order by id;

-- name: keyword
select id, filter_id, keyword, whole_word from filter_keywords where id = :id and account_id = :account_id;

-- name: statuses
select id, filter_id, status_id from filter_statuses where account_id = :account_id order by id;

-- name: statuses_of
select id, filter_id, status_id from filter_statuses
where account_id = :account_id and filter_id = :filter_id order by id;

-- name: status
select id, filter_id, status_id from filter_statuses where id = :id and account_id = :account_id;

-- name: renew
-- A fresh version while there are filters, 0 when there are none. It also takes the row, so that whoever changes the
-- same account's filters at the same time waits, and counts what is there then.
update users set filters_version = :fresh where account_id = :account_id;

-- name: rest
update users set filters_version = 0 where account_id = :account_id
  and not exists (select 1 from filters f where f.account_id = :account_id);

-- name: count
select count(*) from filters where account_id = :account_id;

-- name: count_keywords
select count(*) from filter_keywords where account_id = :account_id;

-- name: count_statuses
select count(*) from filter_statuses where account_id = :account_id;

-- name: insert
insert into filters (id, account_id, title, contexts, action, expires_at)
values (:id, :account_id, :title, :contexts, :action, :expires_at);

-- name: update
update filters set title = :title, contexts = :contexts, action = :action, expires_at = :expires_at
where id = :id and account_id = :account_id;

-- name: delete
delete from filters where id = :id and account_id = :account_id;

-- name: insert_keyword
insert into filter_keywords (id, account_id, filter_id, keyword, whole_word)
values (:id, :account_id, :filter_id, :keyword, :whole_word);

-- name: update_keyword
update filter_keywords set keyword = :keyword, whole_word = :whole_word where id = :id and account_id = :account_id;

-- name: delete_keyword
delete from filter_keywords where id = :id and account_id = :account_id;

-- name: delete_keywords_of
delete from filter_keywords where account_id = :account_id and filter_id = :filter_id;

-- name: insert_status
insert into filter_statuses (id, account_id, filter_id, status_id)
values (:id, :account_id, :filter_id, :status_id)
on conflict (account_id, filter_id, status_id) do nothing;

-- name: delete_status
delete from filter_statuses where id = :id and account_id = :account_id;

-- name: delete_statuses_of
delete from filter_statuses where account_id = :account_id and filter_id = :filter_id;

-- name: forget_status
-- A status that is gone.
delete from filter_statuses where status_id = :status_id;
