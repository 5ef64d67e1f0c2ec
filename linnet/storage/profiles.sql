-- What stands on an account's own page.

-- name: posts
-- An account's statuses as :reader may see them. The flags take out replies to others, reblogs, and all without :tag.
select s.id, s.reblog_of_id from statuses s
where s.account_id = :account_id
  and (:exclude_reblogs = 0 or s.reblog_of_id is null)
  and (:exclude_replies = 0 or s.in_reply_to_account_id is null or s.in_reply_to_account_id = s.account_id)
  and (:tag = '' or exists (select 1 from status_tags t where t.tag = :tag and t.status_id = s.id))
  and {visible} and {original_visible} and :page(s.id);

-- name: media_posts
-- The same of those with attachments, which have an index of their own.
select s.id, s.reblog_of_id from statuses s
where s.account_id = :account_id and s.has_media = 1
  and (:exclude_reblogs = 0 or s.reblog_of_id is null)
  and (:exclude_replies = 0 or s.in_reply_to_account_id is null or s.in_reply_to_account_id = s.account_id)
  and (:tag = '' or exists (select 1 from status_tags t where t.tag = :tag and t.status_id = s.id))
  and {visible} and {original_visible} and :page(s.id);

-- name: pinned
select s.id, s.reblog_of_id, p.id from pins p join statuses s on s.id = p.status_id
where p.account_id = :account_id and {visible} and :page(p.id);
