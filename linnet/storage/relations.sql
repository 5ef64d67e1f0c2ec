-- Relations between two accounts. An insert that inserts nothing, or a delete that deletes nothing, counts nothing.

-- name: lock
-- The accounts that a change decides on, taken for this transaction, always in the order of their ids.
select a.id, a.locked, a.suspended_at, a.silenced_at, a.followers, a.following from accounts a
where a.id in (:ids...) order by a.id;

-- name: obstacle
-- Whether either of two accounts blocks the other, or the server that it is on.
select 1 from blocks b where (b.account_id = :account_id and b.target_id = :target_id)
  or (b.account_id = :target_id and b.target_id = :account_id)
union all
select 1 from accounts a join domain_blocks d on d.account_id = :account_id and d.domain = a.domain
where a.id = :target_id
union all
select 1 from accounts a join domain_blocks d on d.account_id = :target_id and d.domain = a.domain
where a.id = :account_id;

-- Follows -------------------------------------------------------------------------------------------------------

-- name: follow
insert into follows (account_id, target_id, id, reblogs, notify, languages)
values (:account_id, :target_id, :id, :reblogs, :notify, :languages)
on conflict (account_id, target_id) do nothing;

-- name: follow_options
select reblogs, notify, languages from follows where account_id = :account_id and target_id = :target_id;

-- name: set_follow_options
update follows set reblogs = :reblogs, notify = :notify, languages = :languages
where account_id = :account_id and target_id = :target_id;

-- name: unfollow
delete from follows where account_id = :account_id and target_id = :target_id;

-- name: forget_member
-- Whom :account_id does not follow any more is in none of its lists.
delete from list_members where account_id = :account_id and target_id = :target_id and target_id <> account_id;

-- name: forget_endorsement
-- Whom :account_id does not follow any more, it does not endorse.
delete from endorsements where account_id = :account_id and target_id = :target_id;

-- name: count_following
update accounts set following = following + :step where id = :id;

-- name: count_followers
update accounts set followers = followers + :step where id = :id;

-- name: request
insert into follow_requests (account_id, target_id, id, reblogs, notify, languages)
values (:account_id, :target_id, :id, :reblogs, :notify, :languages)
on conflict (account_id, target_id) do nothing;

-- name: request_options
select reblogs, notify, languages from follow_requests where account_id = :account_id and target_id = :target_id;

-- name: set_request_options
update follow_requests set reblogs = :reblogs, notify = :notify, languages = :languages
where account_id = :account_id and target_id = :target_id;

-- name: unrequest
delete from follow_requests where account_id = :account_id and target_id = :target_id;

-- name: oldest_requests
-- Who waits for :target_id, a batch at a time.
select r.account_id from follow_requests r where r.target_id = :target_id order by r.id limit :limit;

-- name: announced
select s.id, s.account_id from statuses s where s.id in (:ids...) and s.visibility <= 2 and {announced};

-- name: notified
-- The next followers who want to hear of each post of :author_id.
select f.account_id, f.id from follows f
where f.target_id = :author_id and f.notify = 1 and f.id > :after order by f.id limit :limit;

-- Blocks, mutes and notes ---------------------------------------------------------------------------------------

-- name: block
insert into blocks (account_id, target_id, id) values (:account_id, :target_id, :id)
on conflict (account_id, target_id) do nothing;

-- name: unblock
delete from blocks where account_id = :account_id and target_id = :target_id;

-- name: mute
insert into mutes (account_id, target_id, id, notifications, expires_at)
values (:account_id, :target_id, :id, :notifications, :expires_at)
on conflict (account_id, target_id) do update set notifications = excluded.notifications,
  expires_at = excluded.expires_at;

-- name: unmute
delete from mutes where account_id = :account_id and target_id = :target_id;

-- name: note
insert into account_notes (account_id, target_id, comment) values (:account_id, :target_id, :comment)
on conflict (account_id, target_id) do update set comment = excluded.comment;

-- name: remove_note
delete from account_notes where account_id = :account_id and target_id = :target_id;

-- name: endorse
-- Whom :account_id follows.
insert into endorsements (account_id, target_id, id)
select f.account_id, f.target_id, :id from follows f where f.account_id = :account_id and f.target_id = :target_id
on conflict (account_id, target_id) do nothing;

-- name: endorsed
select 1 from endorsements e where e.account_id = :account_id and e.target_id = :target_id;

-- Reading -------------------------------------------------------------------------------------------------------

-- name: relationships
-- How :reader stands to each of the accounts, in the order of views.Relationship.
select a.id,
  f.target_id is not null, coalesce(f.reblogs, r.reblogs, 0), coalesce(f.notify, r.notify, 0),
  coalesce(f.languages, r.languages),
  exists (select 1 from follows fb where fb.account_id = a.id and fb.target_id = :reader),
  exists (select 1 from blocks b where b.account_id = :reader and b.target_id = a.id),
  exists (select 1 from blocks bb where bb.account_id = a.id and bb.target_id = :reader),
  m.target_id is not null, coalesce(m.notifications, 0), m.expires_at,
  r.target_id is not null,
  exists (select 1 from follow_requests rb where rb.account_id = a.id and rb.target_id = :reader),
  coalesce(n.comment, ''),
  exists (select 1 from endorsements e where e.account_id = :reader and e.target_id = a.id),
  a.domain <> '' and exists (select 1 from domain_blocks d where d.account_id = :reader and d.domain = a.domain)
from accounts a
left join follows f on f.account_id = :reader and f.target_id = a.id
left join follow_requests r on r.account_id = :reader and r.target_id = a.id
left join mutes m on m.account_id = :reader and m.target_id = a.id and (m.expires_at is null or m.expires_at > :now)
left join account_notes n on n.account_id = :reader and n.target_id = a.id
where a.id in (:ids...) and (:with_suspended = 1 or a.suspended_at is null);

-- name: list_access
-- May :reader see whom an account follows and who follows it? Its owner always may.
select a.id from accounts a where a.id = :account_id and a.suspended_at is null
  and (a.id = :reader or (a.hide_collections = 0
    and not exists (select 1 from blocks b where b.account_id = a.id and b.target_id = :reader)));

-- name: followers
select a.id, f.id from follows f join accounts a on a.id = f.account_id and a.suspended_at is null
where f.target_id = :account_id and (:account_id = :reader or ({acquainted})) and :page(f.id);

-- name: following
select a.id, f.id from follows f join accounts a on a.id = f.target_id and a.suspended_at is null
where f.account_id = :account_id and (:account_id = :reader or ({acquainted})) and :page(f.id);

-- name: endorsements
-- Whom :account_id endorses, as :reader may see them.
select a.id, e.id from endorsements e join accounts a on a.id = e.target_id and a.suspended_at is null
where e.account_id = :account_id and (:account_id = :reader or ({acquainted})) and :page(e.id);

-- name: blocks
select a.id, b.id from blocks b join accounts a on a.id = b.target_id and a.suspended_at is null
where b.account_id = :reader and :page(b.id);

-- name: mutes
select a.id, m.id, m.expires_at from mutes m join accounts a on a.id = m.target_id and a.suspended_at is null
where m.account_id = :reader and (m.expires_at is null or m.expires_at > :now) and :page(m.id);

-- name: requests
select a.id, r.id from follow_requests r join accounts a on a.id = r.account_id and a.suspended_at is null
where r.target_id = :reader and :page(r.id);

-- name: familiar
-- Those whom :reader follows who follow :account_id, the latest first; whoever hides this of themselves is left out.
select a.id from follows mine
join follows theirs on theirs.account_id = mine.target_id and theirs.target_id = :account_id
join accounts a on a.id = mine.target_id and a.suspended_at is null and a.hide_collections = 0
where mine.account_id = :reader order by theirs.id desc limit :limit;
