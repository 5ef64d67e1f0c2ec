-- name: note
insert into moderation_log (id, moderator_id, action, target, reason)
values (:id, :moderator_id, :action, :target, :reason);

-- name: entries
select m.id, m.moderator_id, a.username, m.action, m.target, m.reason
from moderation_log m left join accounts a on a.id = m.moderator_id
where :page(m.id);

-- name: author
select a.id, a.username from statuses s join accounts a on a.id = s.account_id where s.id = :status_id;
