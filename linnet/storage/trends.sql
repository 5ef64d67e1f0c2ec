-- name: tags
-- Hashtags that several accounts have used since a day, whoever wants to be found; the most used first.
with used as materialized (select tag, account_id from tag_uses where day >= :since)
select u.tag from used u join accounts a on a.id = u.account_id
where a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null
group by u.tag having count(distinct u.account_id) >= :least
order by count(distinct u.account_id) desc, u.tag limit :limit;

-- name: tag_accounts
select u.tag, u.day, count(*) from tag_uses u join accounts a on a.id = u.account_id
where u.tag in (:subjects...) and u.day >= :since
  and a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null
group by u.tag, u.day;

-- name: links
-- The same for links that have a card.
with used as materialized (select card_id, account_id from card_uses where day >= :since)
select u.card_id from used u join accounts a on a.id = u.account_id
where a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null
  and exists (select 1 from preview_cards p where p.id = u.card_id and p.card is not null)
group by u.card_id having count(distinct u.account_id) >= :least
order by count(distinct u.account_id) desc, u.card_id limit :limit;

-- name: link_accounts
select u.card_id, u.day, count(*) from card_uses u join accounts a on a.id = u.account_id
where u.card_id in (:subjects...) and u.day >= :since
  and a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null
group by u.card_id, u.day;

-- name: statuses
-- Public statuses that were liked since some id: no replies, nothing covered, of authors who want to be found.
select s.id, s.account_id from statuses s
join accounts a on a.id = s.account_id and a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null
join status_contents c on c.status_id = s.id and c.sensitive = 0 and c.spoiler = ''
where s.id > :since and s.visibility = 0 and s.reblog_of_id is null and s.in_reply_to_id is null
  and s.favourites + s.reblogs >= :least
order by s.favourites + s.reblogs desc, s.id desc limit :limit;

-- name: fans
-- How many others have favourited or boosted them: whoever does both is one.
select x.status_id, count(distinct x.account_id) from (
  select f.status_id as status_id, f.account_id as account_id from favourites f where f.status_id in (:ids...)
  union all
  select r.reblog_of_id, r.account_id from statuses r where r.reblog_of_id in (:ids...)
) x
join statuses s on s.id = x.status_id and s.account_id <> x.account_id
join accounts a on a.id = x.account_id and a.suspended_at is null and a.silenced_at is null
group by x.status_id;

-- name: clear
delete from trends where kind = :kind;

-- name: add
insert into trends (kind, subject, score) values (:kind, :subject, :score);

-- name: untrended
select subject from untrended where kind = :kind and subject in (:subjects...);

-- name: suppress
insert into untrended (kind, subject, moderator_id, at) values (:kind, :subject, :moderator_id, :now)
on conflict (kind, subject) do nothing;

-- name: remove
delete from trends where kind = :kind and subject = :subject;

-- name: allow
delete from untrended where kind = :kind and subject = :subject;

-- What is read ---------------------------------------------------------------------------------------------------

-- name: trending_tags
select t.key, t.name from trends r join tags t on t.key = r.subject
where r.kind = 'tag' order by r.score desc, r.subject limit :limit offset :offset;

-- name: trending_links
select p.id, p.card from trends r join preview_cards p on p.id = cast(r.subject as bigint) and p.card is not null
where r.kind = 'link' order by r.score desc, r.subject limit :limit offset :offset;

-- name: link_history
select card_id, day, sum(uses), count(*) from card_uses where card_id in (:ids...) and day >= :since
group by card_id, day;

-- name: trending_statuses
-- Those that :reader may see and has not shut out.
select {status_row} from trends r
join statuses s on s.id = cast(r.subject as bigint) and s.visibility = 0
join accounts a on a.id = s.account_id and a.suspended_at is null and a.silenced_at is null and a.discoverable = 1
where r.kind = 'status' and {visible} and {unblocked}
order by r.score desc, r.subject limit :limit offset :offset;
