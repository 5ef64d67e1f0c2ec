-- Conditions that many statements share; `{name}` in any noun's file is replaced by the text here.

-- fragment: status_row
-- domain/views.py:StatusRow of the status `s` and its author `a`: counts, and what :reader has done. Most look-ups are
-- spared by a count of 0, or by the reader's having none of the kind at all, which is asked once a statement.
s.id, s.version, s.account_id, a.version, a.followers, a.following, a.statuses, a.last_status_at,
s.replies, s.reblogs, s.favourites,
case when s.favourites > 0
    and exists (select 1 from favourites rf where rf.account_id = :reader and rf.status_id = s.id) then 1 else 0 end
  + case when s.reblogs > 0
    and exists (select 1 from statuses rr where rr.reblog_of_id = s.id and rr.account_id = :reader) then 2 else 0 end
  + case when exists (select 1 from bookmarks nb where nb.account_id = :reader)
    and exists (select 1 from bookmarks rb where rb.account_id = :reader and rb.status_id = s.id) then 4 else 0 end
  + case when exists (select 1 from thread_mutes nt where nt.account_id = :reader)
    and exists (select 1 from thread_mutes rt where rt.account_id = :reader and rt.thread_id = s.thread_id)
    then 8 else 0 end
  + case when s.account_id <> :reader then 0
    when exists (select 1 from pins rp where rp.account_id = :reader and rp.status_id = s.id) then 48 else 32 end
  + case when s.quote_policy = 1
    and exists (select 1 from follows rq where rq.account_id = :reader and rq.target_id = s.account_id)
    then 64 else 0 end,
s.visibility, s.reblog_of_id, s.in_reply_to_id, s.in_reply_to_account_id, s.language,
case when s.has_poll = 0 and s.reactions is null and s.quotes = 0 and s.quote_policy = 2 and s.quote_state = 0 then null
  else '[' || coalesce(case when s.has_poll = 1 then (
    select '[' || case when rp.expires_at <= :now then 1 else 0 end || ',' || rp.voters || ',' || rp.counts || ','
      || coalesce((select rv.choices from poll_votes rv where rv.status_id = s.id and rv.account_id = :reader), 'null')
      || ']'
    from polls rp where rp.status_id = s.id) end, 'null')
  || ',' || s.quotes || ',' || s.quote_policy || ',' || coalesce('' || s.quote_of_id, 'null') || ',' || s.quote_state
  || ',' || coalesce(s.reactions, 'null')
  || ',"' || coalesce(case when s.reactions is not null then (
    select string_agg(mr.emoji, ' ' order by mr.id) from status_reactions mr
    where mr.status_id = s.id and mr.account_id = :reader) end, '') || '"]' end

-- fragment: at_home
-- A status that stays on this server is for those who are signed in.
(s.local_only = 0 or :reader <> 0)

-- fragment: visible
-- May :reader see the status `s`? Its author's suspension is asked for where the author's row is joined.
(s.visibility <= 1 or s.account_id = :reader
 or (s.visibility = 2 and exists (select 1 from follows vf where vf.account_id = :reader and vf.target_id = s.account_id))
 or (s.has_mentions = 1 and exists (select 1 from mentions vm where vm.status_id = s.id and vm.account_id = :reader)))
and {at_home}
and not exists (select 1 from blocks vb where vb.account_id = s.account_id and vb.target_id = :reader)

-- fragment: original_visible
-- May :reader see what the status `s` reblogs, where it is a reblog?
(s.reblog_of_id is null or exists (
  select 1 from statuses o join accounts oa on oa.id = o.account_id
  where o.id = s.reblog_of_id and oa.suspended_at is null
    and (o.visibility <= 1 or o.account_id in (s.account_id, :reader))
    and not exists (select 1 from blocks o1 where o1.account_id = :reader and o1.target_id = o.account_id)
    and not exists (select 1 from blocks o2 where o2.account_id = o.account_id and o2.target_id = :reader)))

-- fragment: unblocked
-- Neither blocked nor muted by :reader, nor is the server of the author: for timelines that show strangers. :now ends
-- mutes that have a duration. Whether there are any servers that :reader blocks is asked once a statement.
not exists (select 1 from blocks ub where ub.account_id = :reader and ub.target_id = s.account_id)
and not exists (select 1 from mutes um where um.account_id = :reader and um.target_id = s.account_id
  and (um.expires_at is null or um.expires_at > :now))
and (not exists (select 1 from domain_blocks un where un.account_id = :reader)
  or not exists (select 1 from accounts ua join domain_blocks ud on ud.account_id = :reader
    and ud.domain = ua.domain where ua.id = s.account_id))

-- fragment: audible
-- The author `a` is not silenced, or :reader is one of those who meet it all the same.
(a.silenced_at is null or a.id = :reader
  or exists (select 1 from follows af where af.account_id = :reader and af.target_id = a.id))

-- fragment: acquainted
-- Neither blocks the other, and :reader mutes neither the account `a` nor blocks its server: for lists of accounts.
-- :now ends mutes.
not exists (select 1 from blocks q1 where q1.account_id = :reader and q1.target_id = a.id)
and not exists (select 1 from blocks q2 where q2.account_id = a.id and q2.target_id = :reader)
and not exists (select 1 from mutes q3 where q3.account_id = :reader and q3.target_id = a.id
  and (q3.expires_at is null or q3.expires_at > :now))
and (a.domain = '' or not exists (
  select 1 from domain_blocks q4 where q4.account_id = :reader and q4.domain = a.domain))

-- fragment: suggestable
-- May the account `a` be suggested to :reader? It wants to be found, and :reader has nothing to do with it yet.
a.discoverable = 1 and a.suspended_at is null and a.silenced_at is null and a.id <> :reader
and (a.domain <> '' or exists (
  select 1 from users g1 where g1.account_id = a.id and g1.confirmed_at is not null and g1.approved_at is not null))
and not exists (select 1 from follows g2 where g2.account_id = :reader and g2.target_id = a.id)
and not exists (select 1 from follow_requests g3 where g3.account_id = :reader and g3.target_id = a.id)
and not exists (select 1 from declined_suggestions g4 where g4.account_id = :reader and g4.target_id = a.id)
and {acquainted}

-- fragment: tellable
-- May :reader still be told of the notification `n`? Whoever caused it is there and not kept away, and so is its status.
exists (select 1 from accounts na where na.id = n.from_account_id and na.suspended_at is null
  and (na.domain = '' or not exists (
    select 1 from domain_blocks n0 where n0.account_id = :reader and n0.domain = na.domain)))
and not exists (select 1 from blocks n1 where n1.account_id = :reader and n1.target_id = n.from_account_id)
and not exists (select 1 from blocks n2 where n2.account_id = n.from_account_id and n2.target_id = :reader)
and not exists (select 1 from mutes n3 where n3.account_id = :reader and n3.target_id = n.from_account_id
  and n3.notifications = 1 and (n3.expires_at is null or n3.expires_at > :now))
and (n.status_id = 0 or exists (
  select 1 from statuses s join accounts sa on sa.id = s.account_id and sa.suspended_at is null
  where s.id = n.status_id
    and (s.visibility <= 1 or s.account_id = :reader
      or (s.visibility = 2 and exists (
        select 1 from follows nf where nf.account_id = :reader and nf.target_id = s.account_id))
      or (s.has_mentions = 1 and exists (
        select 1 from mentions nm where nm.status_id = s.id and nm.account_id = :reader)))))

-- fragment: followed
-- Does :reader follow the author of the status `s` in a way that shows it? Not asked for :reader's own.
exists (
  select 1 from follows hf where hf.account_id = :reader and hf.target_id = s.account_id
    and (s.reblog_of_id is null or hf.reblogs = 1)
    and (hf.languages is null or s.language is null or hf.languages like '%"' || s.language || '"%'))
and (s.visibility <= 2 or exists (select 1 from mentions hm where hm.status_id = s.id and hm.account_id = :reader))
and (s.in_reply_to_account_id is null or s.in_reply_to_account_id in (s.account_id, :reader) or (
  exists (select 1 from follows h4 where h4.account_id = :reader and h4.target_id = s.in_reply_to_account_id)
  and not exists (select 1 from blocks h5 where h5.account_id = :reader and h5.target_id = s.in_reply_to_account_id)
  and not exists (select 1 from mutes h6 where h6.account_id = :reader and h6.target_id = s.in_reply_to_account_id
    and (h6.expires_at is null or h6.expires_at > :now))))

-- fragment: inclusive
-- The author of `s` is in none of :reader's exclusive lists. Whether there are such lists is asked once a statement.
(not exists (select 1 from lists xn where xn.account_id = :reader and xn.exclusive = 1)
  or not exists (select 1 from list_members xm join lists xl on xl.id = xm.list_id and xl.exclusive = 1
    where xm.account_id = :reader and xm.target_id = s.account_id))

-- fragment: tag_followed
-- The status `s` is public, of an author who is not silenced, and has a hashtag that :reader follows. Whether :reader
-- follows any is asked once a statement.
(s.visibility = 0 and s.reblog_of_id is null
  and exists (select 1 from tag_follows gn where gn.account_id = :reader)
  and exists (select 1 from status_tags gs join tag_follows gf on gf.account_id = :reader and gf.tag = gs.tag
    where gs.status_id = s.id)
  and exists (select 1 from accounts ga where ga.id = s.account_id and ga.silenced_at is null))

-- fragment: unhindered
-- Nothing stands between :reader and the author of `s`, nor those whom it names. Not asked for :reader's own.
not exists (select 1 from blocks h1 where h1.account_id = :reader and h1.target_id = s.account_id)
and not exists (select 1 from blocks h2 where h2.account_id = s.account_id and h2.target_id = :reader)
and not exists (select 1 from mutes h3 where h3.account_id = :reader and h3.target_id = s.account_id
  and (h3.expires_at is null or h3.expires_at > :now))
and (not exists (select 1 from domain_blocks hn where hn.account_id = :reader)
  or not exists (select 1 from accounts ha join domain_blocks hd on hd.account_id = :reader
    and hd.domain = ha.domain where ha.id = s.account_id))
and (s.has_mentions = 0 or not exists (
  select 1 from mentions h7 join blocks h8 on h8.account_id = :reader and h8.target_id = h7.account_id
  where h7.status_id = s.id))

-- fragment: original_stands
-- What the status `s` reblogs, where it is a reblog, may stand on a timeline of :reader's.
(s.reblog_of_id is null or exists (
  select 1 from statuses o join accounts oa on oa.id = o.account_id
  where o.id = s.reblog_of_id and oa.suspended_at is null
    and (o.visibility <= 1 or o.account_id in (s.account_id, :reader))
    and not exists (select 1 from blocks o1 where o1.account_id = :reader and o1.target_id = o.account_id)
    and not exists (select 1 from blocks o2 where o2.account_id = o.account_id and o2.target_id = :reader)
    and not exists (select 1 from mutes o3 where o3.account_id = :reader and o3.target_id = o.account_id
      and (o3.expires_at is null or o3.expires_at > :now))
    and (oa.domain = '' or not exists (
      select 1 from domain_blocks o4 where o4.account_id = :reader and o4.domain = oa.domain))))

-- fragment: home_rules
-- Does the status `s` stand on :reader's home timeline? domain/audience.py says the same in words. That its author
-- is not suspended is asked for where the author's row is joined.
(s.account_id = :reader or ((({followed} and {inclusive}) or {tag_followed}) and {unhindered})) and {original_stands}

-- fragment: list_rules
-- Does the status `s` of a member stand on the timeline of :reader's list :list_id, whose replies policy is :replies?
-- domain/audience.py says the same in words.
(s.account_id = :reader or ({followed} and {unhindered})) and {original_stands} and s.visibility <= 2
and (s.in_reply_to_account_id is null or s.in_reply_to_account_id in (s.account_id, :reader) or :replies = 'followed'
  or (:replies = 'list' and exists (select 1 from list_members lr
    where lr.list_id = :list_id and lr.target_id = s.in_reply_to_account_id)))

-- fragment: policy
-- What the policy of the user `u` makes of a notification from :from_account_id about :status_id: 0, 1 or 2 as in
-- domain/notifications.py:LEVELS. Nothing is looked up for a rule that accepts; whoever was let through is.
coalesce((select max(r.level) from (
  select u.for_not_following as level
  where u.for_not_following > 0
    and not exists (select 1 from follows w1 where w1.account_id = u.account_id and w1.target_id = :from_account_id)
  union all select u.for_not_followers
  where u.for_not_followers > 0
    and not exists (select 1 from follows w2 where w2.account_id = :from_account_id and w2.target_id = u.account_id
      and w2.id < :followers_before)
  union all select u.for_new_accounts
  where u.for_new_accounts > 0 and :from_account_id > :accounts_before
  union all select u.for_limited_accounts
  where u.for_limited_accounts > 0
    and exists (select 1 from accounts w3 where w3.id = :from_account_id and w3.silenced_at is not null)
    and not exists (select 1 from follows w4 where w4.account_id = u.account_id and w4.target_id = :from_account_id)
  union all select u.for_private_mentions
  where u.for_private_mentions > 0 and :type = 'mention'
    and exists (select 1 from statuses w5 where w5.id = :status_id and w5.visibility = 3
      and not exists (
        select 1 from statuses w6 join mentions w7 on w7.status_id = w6.id and w7.account_id = :from_account_id
        where w6.account_id = u.account_id
          and (w6.id = w5.thread_id or (w6.thread_id = w5.thread_id and w6.in_reply_to_id is not null))))
    and not exists (select 1 from follows w8 where w8.account_id = u.account_id and w8.target_id = :from_account_id)
) r where r.level > 0 and not exists (
  select 1 from notification_requests w9
  where w9.account_id = u.account_id and w9.from_account_id = :from_account_id and w9.accepted = 1)), 0)

-- fragment: announced
-- Followers of its author asked to hear of the status `s`: the author's own words, and no reply to others.
s.reblog_of_id is null and (s.in_reply_to_account_id is null or s.in_reply_to_account_id = s.account_id)
  and exists (select 1 from follows f where f.target_id = s.account_id and f.notify = 1)

-- fragment: defaults
-- domain/views.py:Defaults of the user `u`.
u.default_visibility, u.default_sensitive, u.default_language, u.default_quote_policy, u.default_content_type

-- fragment: account_row
-- domain/views.py:AccountRow of the account `a`.
a.id, a.username, a.domain, a.version, a.bot, a.locked, a.discoverable, a.indexable, a.hide_collections, a.suspended_at,
a.silenced_at, a.followers, a.following, a.statuses, a.last_status_at
