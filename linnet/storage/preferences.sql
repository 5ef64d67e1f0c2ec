-- name: posting
-- What a user's statuses are where nothing else is said.
select default_visibility, default_sensitive, default_language, default_quote_policy, default_content_type from users
where account_id = :account_id;
