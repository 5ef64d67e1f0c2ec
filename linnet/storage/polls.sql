-- Polls and votes. What is counted is decided on under the poll's row; a status's own row says whether it has one.

-- name: insert
insert into polls (status_id, account_id, expires_at, counts) values (:status_id, :account_id, :expires_at, :counts)
on conflict (status_id) do update set expires_at = excluded.expires_at, counts = excluded.counts, voters = 0;

-- name: prolong
update polls set expires_at = :expires_at where status_id = :status_id;

-- name: taken
-- A poll, taken for this transaction.
select account_id, expires_at, voters, counts from polls where status_id = :status_id;

-- name: vote
insert into poll_votes (status_id, account_id, id, choices) values (:status_id, :account_id, :id, :choices)
on conflict (status_id, account_id) do nothing;

-- name: count
update polls set voters = :voters, counts = :counts where status_id = :status_id;

-- name: delete
delete from polls where status_id = :status_id;

-- name: delete_votes
delete from poll_votes where status_id = :status_id;

-- name: voters
-- Who has voted, a batch at a time.
select account_id, id from poll_votes where status_id = :status_id and id > :after order by id limit :limit;

-- name: votes_of
select status_id, choices from poll_votes where account_id = :account_id order by status_id limit :limit;

-- name: withdraw
delete from poll_votes where status_id = :status_id and account_id = :account_id;

-- name: miscounted
-- Polls of a batch of statuses that count other voters than there are. Those of imported ones voted elsewhere.
select c.status_id, c.voters, c.really from (
  select p.status_id, p.voters, (select count(*) from poll_votes v where v.status_id = p.status_id) as really
  from polls p where p.status_id > :after and p.status_id <= :until
    and not exists (select 1 from imported_statuses i where i.status_id = p.status_id)
) c where c.voters <> c.really order by c.status_id limit :limit;

-- name: votes
select choices from poll_votes where status_id = :status_id;
