-- What goes with an account, a batch at a time, and its suspension. The account's row stays: nobody else gets the name.

-- name: unsuspend
-- A deleted account has no profile, and does not come back.
update accounts set suspended_at = null, version = :version where id = :id and suspended_at is not null
  and exists (select 1 from profiles p where p.account_id = :id);

-- name: suspend
update accounts set suspended_at = :now, version = :version where id = :id and suspended_at is null;

-- name: silence
update accounts set silenced_at = :now, version = :version where id = :id and silenced_at is null;

-- name: unsilence
update accounts set silenced_at = null, version = :version where id = :id and silenced_at is not null;

-- name: subject
-- Who is to be suspended, silenced or deleted, and what they may do themselves.
select a.id, a.username, coalesce(u.role, 'user') from accounts a left join users u on u.account_id = a.id
where a.id = :id and exists (select 1 from profiles p where p.account_id = a.id);

-- name: role
select role from users where account_id = :account_id;

-- name: close
-- Deleted from now on: for everybody it is as if it were suspended, and without its profile it stays so.
update accounts set suspended_at = coalesce(suspended_at, :now), version = :version, bot = 0, locked = 0,
  discoverable = 0, indexable = 0 where id = :id;

-- name: delete_user
delete from users where account_id = :account_id;

-- name: statuses
select id from statuses where account_id = :account_id order by id limit :limit;

-- name: followed
select target_id from follows where account_id = :account_id order by id limit :limit;

-- name: followers
select account_id from follows where target_id = :account_id order by id limit :limit;

-- name: favourites
select status_id from favourites where account_id = :account_id order by status_id limit :limit;

-- name: files
select id, file_key, preview_key, coalesce(source_key, '') from media_attachments where account_id = :account_id order by id limit :limit;

-- name: delete_files
delete from media_attachments where id in (:ids...) and account_id = :account_id;

-- name: delete_notifications
delete from notifications where id in (
  select n.id from notifications n where n.account_id = :account_id order by n.id limit :limit);

-- name: delete_requests
delete from follow_requests where account_id = :account_id or target_id = :account_id;

-- name: delete_blocks
delete from blocks where account_id = :account_id or target_id = :account_id;

-- name: delete_mutes
delete from mutes where account_id = :account_id;

-- name: delete_notes
delete from account_notes where account_id = :account_id;

-- name: delete_bookmarks
delete from bookmarks where account_id = :account_id and status_id in (
  select b.status_id from bookmarks b where b.account_id = :account_id order by b.status_id limit :limit);

-- name: delete_pins
delete from pins where account_id = :account_id;

-- name: delete_thread_mutes
delete from thread_mutes where account_id = :account_id;

-- name: delete_home
delete from home_entries where account_id = :account_id;

-- name: delete_markers
delete from markers where account_id = :account_id;

-- name: delete_lists
delete from lists where account_id = :account_id;

-- name: delete_list_members
delete from list_members where account_id = :account_id;

-- name: delete_filters
delete from filters where account_id = :account_id;

-- name: delete_filter_keywords
delete from filter_keywords where account_id = :account_id;

-- name: delete_filter_statuses
delete from filter_statuses where account_id = :account_id;

-- name: delete_tag_follows
delete from tag_follows where account_id = :account_id;

-- name: delete_featured_tags
delete from featured_tags where account_id = :account_id;

-- name: delete_conversations
delete from conversations where id in (
  select c.id from conversations c where c.account_id = :account_id order by c.last_status_id limit :limit);

-- name: delete_conversation_statuses
delete from conversation_statuses where account_id = :account_id and status_id in (
  select e.status_id from conversation_statuses e where e.account_id = :account_id order by e.status_id limit :limit);

-- name: delete_endorsements
delete from endorsements where account_id = :account_id;

-- name: delete_declined_suggestions
delete from declined_suggestions where account_id = :account_id;

-- name: delete_domain_blocks
delete from domain_blocks where account_id = :account_id;

-- name: delete_notification_requests
delete from notification_requests where account_id = :account_id or from_account_id = :account_id;

-- name: delete_push_subscriptions
delete from push_subscriptions where account_id = :account_id;

-- name: delete_announcement_reads
delete from announcement_reads where account_id = :account_id;

-- name: delete_announcement_reactions
delete from announcement_reactions where account_id = :account_id;
