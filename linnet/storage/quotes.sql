-- name: quotable
-- What a quote needs of the status that it quotes, if :reader may see it.
select s.id, s.account_id, s.visibility, s.quote_policy, s.reblog_of_id,
  case when exists (select 1 from follows qf where qf.account_id = :reader and qf.target_id = s.account_id)
    then 1 else 0 end
from statuses s join accounts a on a.id = s.account_id and a.suspended_at is null
where s.id = :id and {visible};

-- name: add
update statuses set quote_of_id = :quoted_id, quote_state = 1 where id = :id;

-- name: count
update statuses set quotes = quotes + :step where id = :id;

-- name: of_status
-- What a status quotes, where that was not taken back.
select quote_of_id from statuses where id = :id and quote_state = 1;

-- name: shown
-- How :reader is shown what others quote: the row, and the state that the quote is in for them.
select case when a.suspended_at is not null then 'unauthorized'
  when not ({visible}) then 'unauthorized'
  when exists (select 1 from blocks q1 where q1.account_id = :reader and q1.target_id = s.account_id)
    then 'blocked_account'
  when a.domain <> '' and exists (
    select 1 from domain_blocks q3 where q3.account_id = :reader and q3.domain = a.domain) then 'blocked_domain'
  when exists (select 1 from mutes q2 where q2.account_id = :reader and q2.target_id = s.account_id
    and (q2.expires_at is null or q2.expires_at > :now)) then 'muted_account'
  else 'accepted' end,
  {status_row}
from statuses s join accounts a on a.id = s.account_id
where s.id in (:ids...);

-- name: of
-- The quotes of a status that :reader may see, the latest first.
select {status_row} from statuses s
join accounts a on a.id = s.account_id and a.suspended_at is null
where s.quote_of_id = :id and s.quote_state = 1 and {visible} and {unblocked} and {audible} and :page(s.id);

-- name: revoke
-- Taken back by whoever was quoted. The quote's row is taken before the quoted one's, as by its deletion.
update statuses set quote_state = 2
where id = :id and quote_of_id = :quoted_id and quote_state = 1
  and exists (select 1 from statuses q where q.id = :quoted_id and q.account_id = :author)
returning account_id;

-- name: set_policy
update statuses set quote_policy = :policy where id = :id and account_id = :account_id and reblog_of_id is null;

-- name: quoters
-- Who quotes a status, some at a time.
select account_id, id from statuses where quote_of_id = :status_id and quote_state = 1 and id > :after
order by id limit :limit;
