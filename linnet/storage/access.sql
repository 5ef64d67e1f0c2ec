-- name: token
-- Who a token stands for, and in what state the account is.
select coalesce(t.account_id, 0), a.username, u.role, t.app_id, p.name, p.website, t.scopes,
  a.suspended_at, u.confirmed_at, u.approved_at, coalesce(u.filters_version, 0),
  coalesce(t.used_at, t.created_at), {defaults}
from tokens t join apps p on p.id = t.app_id
left join accounts a on a.id = t.account_id left join users u on u.account_id = t.account_id
where t.hash = :hash;

-- name: session
-- The same for a browser's session, with what its own expiry goes by.
select s.account_id, a.username, u.role, s.id, s.created_at, s.used_at, a.suspended_at, u.confirmed_at, u.approved_at,
  coalesce(u.filters_version, 0)
from sessions s join accounts a on a.id = s.account_id join users u on u.account_id = s.account_id
where s.hash = :hash;

-- Apps ----------------------------------------------------------------------------------------------------------

-- name: insert_app
insert into apps (id, client_id, secret_hash, name, website, redirect_uris, scopes, created_at)
values (:id, :client_id, :secret_hash, :name, :website, :redirect_uris, :scopes, :now);

-- name: app
select id, client_id, secret_hash, name, website, redirect_uris, scopes from apps where client_id = :client_id;

-- name: app_by_id
select id, client_id, secret_hash, name, website, redirect_uris, scopes from apps where id = :id;

-- name: authorised_apps
-- The apps that may act for an account, each with all that its tokens together allow (repeats and all).
select p.id, p.name, p.website, min(t.created_at), max(coalesce(t.used_at, t.created_at)), t.scopes
from tokens t join apps p on p.id = t.app_id
where t.account_id = :account_id
group by p.id, p.name, p.website, t.scopes order by p.id desc;

-- Codes and tokens ----------------------------------------------------------------------------------------------

-- name: insert_grant
insert into grants (code_hash, app_id, account_id, redirect_uri, scopes, challenge, expires_at)
values (:code_hash, :app_id, :account_id, :redirect_uri, :scopes, :challenge, :expires_at);

-- name: grant
select app_id, account_id, redirect_uri, scopes, challenge, expires_at, token_hash from grants
where code_hash = :code_hash;

-- name: use_grant
-- Once: whoever comes second changes no row.
update grants set token_hash = :token_hash where code_hash = :code_hash and token_hash is null;

-- name: insert_token
insert into tokens (hash, id, app_id, account_id, scopes, created_at)
values (:hash, :id, :app_id, :account_id, :scopes, :now);

-- name: use_tokens
update tokens set used_at = :now where hash in (:hashes...) and coalesce(used_at, created_at) <= :before;

-- name: token_app
select app_id from tokens where hash = :hash;

-- name: delete_token
delete from tokens where hash = :hash;

-- name: delete_tokens_of_app
delete from tokens where account_id = :account_id and app_id = :app_id;

-- name: delete_tokens
delete from tokens where account_id = :account_id;

-- name: delete_grants_of_app
delete from grants where account_id = :account_id and app_id = :app_id;

-- name: delete_grants
delete from grants where account_id = :account_id;

-- Users ---------------------------------------------------------------------------------------------------------

-- name: insert_user
-- An address that somebody has taken changes nothing, even where both came at once.
insert into users (account_id, email, email_key, password_hash, role, confirmed_at, approved_at, reason, invite_code,
  locale, created_at)
values (:account_id, :email, :email_key, :password_hash, :role, :confirmed_at, :approved_at, :reason, :invite_code,
  :locale, :now)
on conflict (email_key) do nothing;

-- name: user
select u.account_id, a.username, u.email, u.role, u.confirmed_at, u.approved_at, a.suspended_at, u.reason, u.locale,
  u.created_at, u.signed_in_at, u.totp_secret is not null, u.password_hash
from users u join accounts a on a.id = u.account_id where u.account_id = :account_id;

-- name: user_by_email
select u.account_id, a.username, u.email, u.role, u.confirmed_at, u.approved_at, a.suspended_at, u.reason, u.locale,
  u.created_at, u.signed_in_at, u.totp_secret is not null, u.password_hash
from users u join accounts a on a.id = u.account_id where u.email_key = :email_key;

-- name: user_by_name
select u.account_id, a.username, u.email, u.role, u.confirmed_at, u.approved_at, a.suspended_at, u.reason, u.locale,
  u.created_at, u.signed_in_at, u.totp_secret is not null, u.password_hash
from users u join accounts a on a.id = u.account_id where a.username_key = :username_key and a.domain = '';

-- name: email_taken
select 1 from users where email_key = :email_key and account_id <> :account_id;

-- name: pending
-- Who waits for a moderator, the longest first; those who have not confirmed their address are not asked about yet.
select u.account_id, a.username, u.email, u.reason, u.created_at, u.locale
from users u join accounts a on a.id = u.account_id
where u.approved_at is null and u.confirmed_at is not null order by u.created_at, u.account_id limit :limit;

-- name: has_owner
select 1 from users where role in ('owner', 'admin') limit 1;

-- name: staff
-- Moderators and those above them.
select account_id from users where role <> 'user';

-- name: confirm
update users set confirmed_at = :now where account_id = :account_id and confirmed_at is null;

-- name: approve
update users set approved_at = :now where account_id = :account_id and approved_at is null;

-- name: delete_pending
delete from users where account_id = :account_id and approved_at is null;

-- name: delete_account
delete from accounts where id = :account_id;

-- name: delete_profile
delete from profiles where account_id = :account_id;

-- name: set_password
update users set password_hash = :password_hash where account_id = :account_id;

-- name: renew_password
-- The same password under new parameters; not if it was changed meanwhile.
update users set password_hash = :password_hash where account_id = :account_id and password_hash = :known;

-- name: set_email
update users set email = :email, email_key = :email_key, confirmed_at = :confirmed_at where account_id = :account_id
  and not exists (select 1 from users o where o.email_key = :email_key and o.account_id <> :account_id);

-- name: signed_in
-- Also locks the row that the sign-in was decided on: another password, a second factor that it was decided without, or
-- a suspension changes no row.
update users set signed_in_at = :now where account_id = :account_id and password_hash = :known
  and (totp_secret is null or :with_code = 1)
  and exists (select 1 from accounts a where a.id = :account_id and a.suspended_at is null);

-- The second factor ---------------------------------------------------------------------------------------------

-- name: totp
select totp_secret, totp_step, recovery_codes from users where account_id = :account_id;

-- name: set_totp
update users set totp_secret = :totp_secret, totp_step = :totp_step, recovery_codes = :recovery_codes
where account_id = :account_id;

-- name: use_totp_step
-- A code counts once, and none that is older than one that was used.
update users set totp_step = :step where account_id = :account_id and totp_step < :step and totp_secret is not null;

-- name: use_recovery_code
update users set recovery_codes = :left where account_id = :account_id and recovery_codes = :known;

-- Sessions ------------------------------------------------------------------------------------------------------

-- name: insert_session
insert into sessions (hash, id, account_id, created_at, used_at, client, user_agent)
values (:hash, :id, :account_id, :now, :now, :client, :user_agent);

-- name: touch_session
update sessions set used_at = :now, client = :client where hash = :hash and used_at < :now;

-- name: sessions
select id, created_at, used_at, client, user_agent, hash from sessions
where account_id = :account_id and created_at > :born_after and used_at > :used_after order by used_at desc, id desc;

-- name: delete_session
delete from sessions where hash = :hash;

-- name: delete_session_by_id
delete from sessions where account_id = :account_id and id = :id;

-- name: delete_sessions
-- All of an account but one; '' keeps none.
delete from sessions where account_id = :account_id and hash <> :kept;

-- Links sent by e-mail ------------------------------------------------------------------------------------------

-- name: insert_email_token
insert into email_tokens (hash, account_id, kind, email, expires_at)
values (:hash, :account_id, :kind, :email, :expires_at);

-- name: email_token
select account_id, email, expires_at from email_tokens where hash = :hash and kind = :kind;

-- name: delete_email_token
delete from email_tokens where hash = :hash and kind = :kind;

-- name: delete_email_tokens
delete from email_tokens where account_id = :account_id and kind = :kind;

-- name: delete_all_email_tokens
delete from email_tokens where account_id = :account_id;

-- name: waiting_email
-- The new address that an account has asked for and not confirmed yet.
select email from email_tokens where account_id = :account_id and kind = 'email' and expires_at > :now
order by expires_at desc limit 1;

-- Invites -------------------------------------------------------------------------------------------------------

-- name: insert_invite
insert into invites (code, created_by, max_uses, expires_at, created_at)
values (:code, :created_by, :max_uses, :expires_at, :now);

-- name: use_invite
update invites set uses = uses + 1 where code = :code
  and (max_uses is null or uses < max_uses) and (expires_at is null or expires_at > :now);

-- name: invite
select i.code, i.created_by, a.username, i.uses, i.max_uses, i.expires_at, i.created_at
from invites i left join accounts a on a.id = i.created_by where i.code = :code;

-- name: invites
select i.code, i.created_by, a.username, i.uses, i.max_uses, i.expires_at, i.created_at
from invites i left join accounts a on a.id = i.created_by order by i.created_at desc, i.code limit :limit;

-- name: delete_invite
delete from invites where code = :code;

-- The link to the page that creates the owner's account ---------------------------------------------------------

-- name: use_owner_link
delete from settings where key = 'owner_link' and value = :value;

-- Retention -----------------------------------------------------------------------------------------------------

-- name: expire_sessions
delete from sessions where hash in (
  select s.hash from sessions s where s.used_at <= :used_before order by s.used_at limit :limit);

-- name: expire_old_sessions
delete from sessions where hash in (
  select s.hash from sessions s where s.created_at <= :born_before order by s.created_at limit :limit);

-- name: expire_grants
delete from grants where code_hash in (
  select g.code_hash from grants g where g.expires_at <= :before order by g.expires_at limit :limit);

-- name: expire_email_tokens
delete from email_tokens where hash in (
  select e.hash from email_tokens e where e.expires_at <= :before order by e.expires_at limit :limit);
