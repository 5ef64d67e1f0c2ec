-- name: home
-- Candidates, as the reader's present follows, blocks and mutes leave them. domain/audience.py has the rules in words.
-- With each, the newest post of a large author: whoever has a page need not ask for that, too.
select {status_row}, (select max(m.id) from statuses m where m.merged = 1)
from home_entries h
join statuses s on s.id = h.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where h.account_id = :reader and {home_rules}
and :page(h.status_id);

-- name: newest_merged
-- The newest post of a large author, whoever follows it: most pages of most servers lie above it.
select max(m.id) from statuses m where m.merged = 1;

-- name: merged_window
-- Posts of large authors, which are not written to their followers' timelines, and for each whether :reader's home has it.
-- The limit bounds what is looked at, not what is found.
select {status_row}, (a.suspended_at is null and {home_rules}) from (
  select m.id from statuses m where m.merged = 1 and :page(m.id)
) w join statuses s on s.id = w.id join accounts a on a.id = s.account_id;

-- name: merged_by_author
-- The same for a reader who follows few of many large authors: one probe an author.
select s.id from accounts l
join follows lf on lf.account_id = :reader and lf.target_id = l.id
join statuses s on s.id in (
  select x.id from statuses x where x.account_id = l.id and x.merged = 1 and :page(x.id)
)
where l.merged = 1 and l.suspended_at is null and {home_rules};

-- name: list_window
-- The latest of what a list's members have posted, and for each whether it stands on the list's timeline. The limits
-- bound what is looked at, not what is found. The cross join keeps the members in front.
select {status_row}, (a.suspended_at is null and {list_rules}) from (
  select p.id from list_members l cross join statuses p
  where l.list_id = :list_id and p.id in (
    select x.id from statuses x where x.account_id = l.target_id and :page(x.id)
  ) and :page(p.id)
) w join statuses s on s.id = w.id join accounts a on a.id = s.account_id;

-- name: add_home
insert into home_entries (account_id, status_id) values (:account_id, :status_id)
on conflict (account_id, status_id) do nothing;

-- name: batch_end
-- The follow at which a batch of followers ends.
select max(id), count(*) from (
  select f.id from follows f where f.target_id = :author_id and f.id > :after order by f.id limit :size
) b;

-- name: fan_out
-- One batch of followers' home timelines. In the order of the table's own key, because each insert then finds its place
-- beside the one before.
insert or ignore into home_entries (account_id, status_id)
select f.account_id, :status_id from follows f
where f.target_id = :author_id and f.id > :after and f.id <= :until order by f.account_id;

-- name: fan_out_together
-- Several statuses of authors with few followers at once.
insert or ignore into home_entries (account_id, status_id)
select f.account_id, s.id from statuses s join follows f on f.target_id = s.account_id
where s.id in (:ids...) and s.merged = 0 and s.visibility <= 2 order by f.account_id, s.id;

-- name: apart
-- Those of the statuses with which there is more to do: only the mentioned see them, or followers asked to hear of them.
select s.id, s.account_id, s.visibility from statuses s where s.id in (:ids...) and (s.visibility = 3 and s.merged = 0
  or s.visibility <= 2 and {announced});

-- name: fan_out_mentioned
-- A direct status goes to those of the mentioned who follow its author.
insert into home_entries (account_id, status_id)
select m.account_id, :status_id from mentions m
join follows f on f.account_id = m.account_id and f.target_id = :author_id
where m.status_id = :status_id
on conflict (account_id, status_id) do nothing;

-- name: backfill
-- A new follow brings the author's latest posts; which of them the follower may see is asked when they are read.
insert into home_entries (account_id, status_id)
select :account_id, s.id from (
  select p.id from statuses p where p.account_id = :author_id order by p.id desc limit :limit
) s where true
on conflict (account_id, status_id) do nothing;

-- name: trim
-- Keeps the newest :keep candidates.
delete from home_entries where account_id = :account_id and status_id <= (
  select h.status_id from home_entries h where h.account_id = :account_id order by h.status_id desc limit 1 offset :keep
);

-- name: public
select {status_row} from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.visibility = 0 and s.reblog_of_id is null and {at_home}
  and (:only_media = 0 or s.has_media = 1)
  and {audible}
  and (s.in_reply_to_id is null or s.in_reply_to_account_id = s.account_id)
  and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = :reader)
  and {unblocked}
  and :page(s.id);

-- name: tag
select {status_row} from status_tags t
join statuses s on s.id = t.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where t.tag = :tag and s.visibility = 0 and {at_home}
  and (:only_media = 0 or s.has_media = 1)
  and {audible}
  and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = :reader)
  and {unblocked}
  and :page(t.status_id);

-- name: fanned_out_as
select s.visibility, s.merged from statuses s where s.id = :id;

-- name: tags
-- One of :any, all of :all (there are :all_count of them), none of :none.
select {status_row} from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id in (select t.status_id from status_tags t where t.tag in (:any...))
  and s.visibility = 0 and {at_home}
  and (:only_media = 0 or s.has_media = 1)
  and (select count(*) from status_tags t where t.status_id = s.id and t.tag in (:all...)) = :all_count
  and not exists (select 1 from status_tags t where t.status_id = s.id and t.tag in (:none...))
  and {audible}
  and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = :reader)
  and {unblocked}
  and :page(s.id);

-- name: followed
-- Whom :account_id follows, a batch at a time.
select f.id, f.target_id from follows f where f.account_id = :account_id and f.id > :after order by f.id limit :limit;

-- name: drop_strays
-- Candidates that no read would show: of authors and with hashtags that are not followed (any more), or of statuses
-- that are gone.
delete from home_entries where account_id = :account_id and status_id not in (
  select s.id from home_entries h join statuses s on s.id = h.status_id
  where h.account_id = :account_id and (s.account_id = :account_id or exists (
    select 1 from follows f where f.account_id = :account_id and f.target_id = s.account_id) or exists (
    select 1 from status_tags t join tag_follows g on g.account_id = :account_id and g.tag = t.tag
    where t.status_id = s.id)));
