-- name: insert
insert into reports (id, account_id, target_id, category, comment, statuses, rules, forward)
values (:id, :account_id, :target_id, :category, :comment, :statuses, :rules, :forward);

-- name: target
-- Whom a report may be about: somebody who is there.
select a.id, a.domain from accounts a where a.id = :id and a.suspended_at is null;

-- name: count_open
select count(*) from reports r where r.account_id = :account_id and r.resolved_at is null;

-- name: their_statuses
-- Those of the ids that :target_id said and :reader may see.
select s.id from statuses s where s.id in (:ids...) and s.account_id = :target_id and {visible};

-- name: known_rules
select id from rules where id in (:ids...);

-- name: one
select id, account_id, target_id, category, comment, statuses, rules, forward, resolved_at, resolved_by
from reports where id = :id;

-- name: told_of
-- The report that a notification of :account_id's is about: it was written right before it.
select id, account_id, target_id, category, comment, statuses, rules, forward, resolved_at, resolved_by
from reports where account_id = :account_id and id < :before order by id desc limit 1;

-- name: open
select id, account_id, target_id, category, comment, statuses, rules, forward, resolved_at, resolved_by
from reports r where r.resolved_at is null and :page(r.id);

-- name: resolved
select id, account_id, target_id, category, comment, statuses, rules, forward, resolved_at, resolved_by
from reports r where r.resolved_at is not null and :page(r.id);

-- name: count_about
select count(*) from reports r where r.target_id = :target_id;

-- name: resolve
update reports set resolved_at = :now, resolved_by = :moderator_id where id = :id and resolved_at is null;

-- name: reopen
update reports set resolved_at = null, resolved_by = null where id = :id and resolved_at is not null;

-- name: expire
delete from reports where id in (
  select r.id from reports r where r.resolved_at <= :before order by r.resolved_at limit :limit);
