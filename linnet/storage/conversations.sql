-- name: takes_part
-- Whether :account_id is one of ours who is to find the status in a conversation: its author, or somebody who was told
-- of it and not merely asked whether to hear of such people.
select 1 from users u where u.account_id = :account_id and (u.account_id = :author_id or exists (
  select 1 from notifications n where n.account_id = :account_id and n.type = 'mention'
    and n.from_account_id = :author_id and n.status_id = :status_id and n.filtered = 0));

-- name: put
-- The conversation of :account_id with these people in this thread, whose latest status this is.
insert into conversations (id, account_id, thread_id, people_hash, people, last_status_id, unread)
values (:id, :account_id, :thread_id, :people_hash, :people, :status_id, :unread)
on conflict (account_id, thread_id, people_hash) do update set
  last_status_id = case when excluded.last_status_id > conversations.last_status_id then excluded.last_status_id
    else conversations.last_status_id end,
  unread = excluded.unread
returning id;

-- name: put_status
insert into conversation_statuses (account_id, status_id, conversation_id)
values (:account_id, :status_id, :conversation_id) on conflict (account_id, status_id) do nothing;

-- name: let_through
-- Direct statuses of somebody who was asked about first and is let through now.
select n.status_id, s.thread_id from notifications n join statuses s on s.id = n.status_id and s.visibility = 3
where n.account_id = :account_id and n.type = 'mention' and n.from_account_id = :author_id and n.filtered = 0
  and not exists (select 1 from conversation_statuses e where e.account_id = n.account_id and e.status_id = n.status_id)
order by n.status_id limit :limit;

-- name: holding
-- The conversations that a status stands in, in the order in which they are taken.
select e.conversation_id, e.account_id from conversation_statuses e where e.status_id = :status_id order by e.account_id;

-- name: delete_status
delete from conversation_statuses where status_id = :status_id;

-- name: latest
select max(e.status_id) from conversation_statuses e where e.conversation_id = :id;

-- name: set_latest
update conversations set last_status_id = :status_id where id = :id;

-- name: delete
delete from conversations where id = :id and account_id = :account_id;

-- name: delete_statuses
delete from conversation_statuses where conversation_id = :id;

-- name: mark
update conversations set unread = :unread where id = :id and account_id = :account_id;

-- name: page
-- What :reader may see, and no word of whom it keeps away.
select c.id, c.people, c.last_status_id, c.unread from conversations c
join statuses s on s.id = c.last_status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where c.account_id = :reader and {visible} and {unblocked} and :page(c.last_status_id);

-- name: one
select c.id, c.people, c.last_status_id, c.unread from conversations c
where c.id = :id and c.account_id = :reader;

-- name: timeline
-- The direct statuses that :reader's conversations hold.
select {status_row} from conversation_statuses e
join statuses s on s.id = e.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where e.account_id = :reader and {visible} and {unblocked} and :page(e.status_id);
