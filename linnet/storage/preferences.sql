-- name: posting
-- What a user's statuses are where nothing else is said.
select {defaults} from users u where u.account_id = :account_id;
