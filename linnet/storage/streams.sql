-- What open streams are asked: one status, and all of the connected who may be concerned, in one statement.

-- name: facts
-- What decides on which public streams a status is heard.
select s.id, s.account_id, a.domain = '', s.visibility, s.reblog_of_id,
  (s.in_reply_to_id is not null and s.in_reply_to_account_id <> s.account_id), s.has_media
from statuses s join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :status_id;

-- name: tags
select t.tag from status_tags t where t.status_id = :status_id;

-- name: on_home
-- On whose home timelines, of those of :readers, the statuses stand; as each of them sees them.
select r.id, {status_row(r.id)} from accounts r
join statuses s on s.id in (:status_ids...)
join accounts a on a.id = s.account_id and a.suspended_at is null
where r.id in (:readers...) and {home_rules(r.id)};

-- name: in_public
-- Who of :readers meets the statuses on the public timelines that they stand on.
select r.id, {status_row(r.id)} from accounts r
join statuses s on s.id in (:status_ids...)
join accounts a on a.id = s.account_id and a.suspended_at is null
where r.id in (:readers...) and s.visibility = 0 and {audible(r.id)} and {unblocked(r.id)}
  and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = r.id);

-- name: as_seen
-- A status (the original of a reblog that was allowed) as each of :readers sees it.
select r.id, {status_row(r.id)} from accounts r
join statuses s on s.id = :status_id
join accounts a on a.id = s.account_id
where r.id in (:readers...);

-- name: lists_with
-- Those of the lists that the author is in; whose they are, and what they do with replies.
select l.id, l.account_id, l.replies_policy from list_members m join lists l on l.id = m.list_id
where m.list_id in (:lists...) and m.target_id = :author_id;

-- name: on_list
-- The status, where it stands on :reader's list.
select s.account_id, {status_row} from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :status_id and {list_rules};

-- name: homes_with
-- Whose home timelines a status was written to, of those of :readers.
select h.account_id from home_entries h where h.account_id in (:readers...) and h.status_id = :status_id;
