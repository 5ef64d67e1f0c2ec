-- name: insert
insert into announcements (id, text, html, mentions, tags, statuses, all_day, starts_at, ends_at, published_at,
  updated_at)
values (:id, :text, :html, :mentions, :tags, :statuses, :all_day, :starts_at, :ends_at, :published_at, :now);

-- name: publish
update announcements set published_at = :now, updated_at = :now
where id = :id and (published_at is null or published_at > :soon);

-- name: delete
delete from announcements where id = :id;

-- name: all
select id, text, html, mentions, tags, statuses, all_day, starts_at, ends_at, published_at, updated_at
from announcements order by id;

-- name: standing
-- What people see now, in the order of what it is about.
select id, text, html, mentions, tags, statuses, all_day, starts_at, ends_at, published_at, updated_at
from announcements where published_at <= :now and (ends_at is null or ends_at > :now)
order by coalesce(starts_at, published_at), id;

-- name: one
select id, text, html, mentions, tags, statuses, all_day, starts_at, ends_at, published_at, updated_at
from announcements where id = :id;

-- name: touch
-- Takes it for this transaction: whoever reacts to it, too, waits.
update announcements set updated_at = updated_at where id = :id;

-- name: there
select s.id from statuses s where s.id in (:ids...) and s.visibility <= 1 and s.reblog_of_id is null;

-- name: read
insert into announcement_reads (announcement_id, account_id) values (:id, :account_id)
on conflict (announcement_id, account_id) do nothing;

-- name: reads
select announcement_id from announcement_reads where account_id = :account_id and announcement_id in (:ids...);

-- name: reactions
-- By the first that was given of each.
select announcement_id, name, count(*), max(case when account_id = :reader then 1 else 0 end)
from announcement_reactions where announcement_id in (:ids...) group by announcement_id, name
order by announcement_id, min(id);

-- name: given
select distinct name from announcement_reactions where announcement_id = :id;

-- name: react
insert into announcement_reactions (announcement_id, name, account_id, id) values (:id, :name, :account_id, :reaction_id)
on conflict (announcement_id, name, account_id) do nothing;

-- name: unreact
delete from announcement_reactions where announcement_id = :id and name = :name and account_id = :account_id;

-- name: delete_reads
delete from announcement_reads where announcement_id = :id;

-- name: delete_reactions
delete from announcement_reactions where announcement_id = :id;

-- name: given_last
-- What :account_id gave last, and how often that was given.
select r.name, (select count(*) from announcement_reactions o where o.announcement_id = :id and o.name = r.name)
from announcement_reactions r where r.announcement_id = :id and r.account_id = :account_id order by r.id desc limit 1;
