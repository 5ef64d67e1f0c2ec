-- name: of_url
-- The card of an address. Its row is held until the commit, so that whoever fetches it meanwhile finds the new status.
insert into preview_cards (id, url, used_at) values (:id, :url, :now)
on conflict (url) do update set used_at = excluded.used_at
returning id, url, card, expires_at;

-- name: one
select id, url, card, expires_at from preview_cards where id = :id;

-- name: shown
-- What the card of an address shows by now.
select card from preview_cards where url = :url;

-- name: keep
update preview_cards set card = :card, image_key = :image_key, language = :language, expires_at = :expires_at
where id = :id;

-- name: count_use
insert into card_uses (card_id, day, account_id) values (:card_id, :day, :account_id)
on conflict (card_id, day, account_id) do update set uses = card_uses.uses + 1;

-- name: statuses
-- Those that show the card, some at a time.
select c.status_id, c.account_id from status_contents c
where c.card_id = :card_id and c.status_id > :after order by c.status_id limit :limit;

-- name: known
select id from preview_cards where url = :url and card is not null;

-- name: timeline
-- Public statuses that show the card.
select {status_row} from status_contents c
join statuses s on s.id = c.status_id
join accounts a on a.id = s.account_id and a.suspended_at is null
where c.card_id = :card_id and s.visibility = 0 and {at_home} and {audible} and {unblocked}
  and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = :reader)
  and :page(c.status_id);

-- name: image_keys
select id, image_key from preview_cards where id > :after and image_key is not null order by id limit :limit;

-- name: unused_since
select p.id from preview_cards p where p.used_at < :before order by p.used_at limit :limit;

-- name: expire
-- Of these, the cards that no status shows any more.
delete from preview_cards where id in (:ids...) and used_at < :before
  and not exists (select 1 from status_contents c where c.card_id = preview_cards.id)
returning image_key;

-- name: use
-- The others are looked at again when as much time has passed.
update preview_cards set used_at = :now where id in (:ids...);

-- name: expire_uses
delete from card_uses where (card_id, day, account_id) in (
  select u.card_id, u.day, u.account_id from card_uses u where u.day < :before limit :limit);
