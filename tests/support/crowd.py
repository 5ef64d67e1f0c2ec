"""A crowd in the tables: enough rows that a planner's choice means something, written by the database itself."""

from typing import Any

from tests.storage.queries import sql

ACCOUNTS = 10_000
STATUSES = 20_000
FIRST_STATUS = 1_000_000
NOW = 1_780_000_000_000

_STATUS = f"{FIRST_STATUS} + n"
_AUTHOR = f"1 + n % {ACCOUNTS}"

# Table -> how many rows, and its columns as expressions over `n`, which counts from 1.
ROWS: dict[str, tuple[int, dict[str, str]]] = {
    "accounts": (
        ACCOUNTS,
        {
            "id": "n", "username": "'p' || n", "username_key": "'p' || n", "version": "n", "followers": "n % 40",
            "statuses": "6", "last_status_at": str(NOW), "merged": "case when n % 100 = 0 then 1 else 0 end",
            "suspended_at": "case when n % 200 = 0 then 1 else null end",
        },
    ),
    "profiles": (ACCOUNTS, {"account_id": "n", "display_name": "'Person ' || n"}),
    "users": (
        ACCOUNTS,
        {
            "account_id": "n", "email": "n || '@example.org'", "email_key": "n || '@example.org'",
            "password_hash": "''", "role": "case when n = 1 then 'owner' else 'user' end", "confirmed_at": str(NOW),
            "approved_at": f"case when n % 300 = 0 then null else {NOW} end", "created_at": f"{NOW} + n",
        },
    ),
    "account_search": (ACCOUNTS, {"account_id": f"1 + n % {ACCOUNTS}", "term": "'word' || n"}),
    "statuses": (
        STATUSES,
        {
            "id": _STATUS, "account_id": _AUTHOR, "version": _STATUS,
            "visibility": "case when n % 10 < 7 then 0 else n % 4 end",
            "reblog_of_id": f"case when n % 10 = 3 then {FIRST_STATUS} + n / 10 else null end",
            "in_reply_to_id": f"case when n % 10 = 4 then {FIRST_STATUS} + n / 2 else null end",
            "in_reply_to_account_id": f"case when n % 10 = 4 then 1 + (n / 2) % {ACCOUNTS} else null end",
            "thread_id": f"case when n % 10 = 4 then {FIRST_STATUS} + n / 2 else {_STATUS} end",
            "has_media": "case when n % 20 = 0 then 1 else 0 end",
            "has_mentions": "case when n % 5 = 0 then 1 else 0 end",
            "merged": "case when n % 100 = 0 then 1 else 0 end",
        },
    ),
    "status_contents": (
        STATUSES,
        {
            "status_id": _STATUS, "account_id": _AUTHOR, "version": _STATUS, "text": "'A text of some length: ' || n",
            "html": "'<p>A text of some length: ' || n || '</p>'",
        },
    ),
    "status_edits": (
        2_000,
        {
            "status_id": _STATUS, "version": _STATUS, "text": "''", "spoiler": "''", "html": "''", "sensitive": "0",
            "media": "'[]'", "created_at": str(NOW),
        },
    ),
    "mentions": (6_000, {"status_id": f"{FIRST_STATUS} + 5 * (n % 4000)", "account_id": "1 + n % 9999"}),
    "tags": (2_000, {"key": "'tag' || n", "name": "'Tag' || n", "last_status_at": f"{NOW} + n"}),
    "status_tags": (10_000, {"tag": "'tag' || (n % 2000)", "status_id": _STATUS, "account_id": _AUTHOR}),
    "tag_uses": (10_000, {"tag": "'tag' || (n % 2000)", "day": "20000 + n % 30", "account_id": "n"}),
    "media_attachments": (
        5_000,
        {
            "id": "n", "account_id": _AUTHOR,
            "status_id": f"case when n % 10 = 0 then null else {FIRST_STATUS} + n end",
            "type": "'image'", "mime": "'image/png'", "file_key": "'f' || n", "preview_key": "'p' || n", "meta": "'{}'",
        },
    ),
    "follows": (
        30_000,
        {
            "account_id": f"1 + n % {ACCOUNTS}",
            "target_id": f"1 + (n % {ACCOUNTS} + n / {ACCOUNTS} * 7 + 1) % {ACCOUNTS}",
            "id": "n", "notify": "case when n % 50 = 0 then 1 else 0 end",
        },
    ),
    "follow_requests": (2_000, {"account_id": "n", "target_id": "1 + n % 100", "id": "n"}),
    "blocks": (3_000, {"account_id": "n", "target_id": "1 + n * 7 % 3000", "id": "n"}),
    "mutes": (
        3_000,
        {
            "account_id": "n", "target_id": "1 + n * 11 % 3000", "id": "n",
            "expires_at": f"case when n % 10 = 0 then {NOW} + n else null end",
        },
    ),
    "lists": (
        4_000,
        {"id": "n", "account_id": "n", "title": "'Those'", "exclusive": "case when n % 50 = 0 then 1 else 0 end"},
    ),
    "list_members": (
        12_000, {"list_id": "1 + n % 4000", "target_id": "1 + n % 9999", "account_id": "1 + n % 4000", "id": "n"}
    ),
    "tag_follows": (
        6_000, {"account_id": "1 + n % 5000", "tag": "'tag' || (n % 2000)", "id": "n", "name": "'Tag' || (n % 2000)"}
    ),
    "featured_tags": (
        4_000, {"account_id": "1 + n % 3000", "tag": "'tag' || (n % 2000)", "id": "n", "name": "'Tag' || (n % 2000)"}
    ),
    "endorsements": (3_000, {"account_id": "n", "target_id": "1 + n * 7 % 3000", "id": "n"}),
    "declined_suggestions": (3_000, {"account_id": "n", "target_id": "1 + n * 5 % 3000", "id": "n"}),
    "domain_blocks": (3_000, {"account_id": "n", "domain": "'d' || (n % 40) || '.example'", "id": "n"}),
    "account_notes": (2_000, {"account_id": "n", "target_id": "1 + n * 3 % 3000", "comment": "'hm'"}),
    "favourites": (20_000, {"account_id": _AUTHOR, "status_id": f"{FIRST_STATUS} + 1 + n * 7 % {STATUSES}", "id": "n"}),
    "exports": (
        1_000,
        {
            "id": "n", "account_id": "n", "state": "'ready'", "folder": "'f'", "cursor": "'{}'", "created_at": str(NOW),
            "moved_at": f"{NOW} + n", "expires_at": f"{NOW} + n",
        },
    ),
    "export_parts": (
        4_000, {"export_id": "1 + n / 10", "number": "n", "file_key": "'k' || n", "bytes": "1", "entries": "'[]'"},
    ),
    "imports": (
        1_000,
        {
            "id": "n", "account_id": "n", "kind": "'archive'", "options": "'{}'", "name": "'a'", "state": "'done'",
            "file_key": "''", "cursor": "'{}'", "bytes": "1", "created_at": str(NOW), "moved_at": f"{NOW} + n",
        },
    ),
    "import_items": (
        20_000,
        {
            "import_id": "1 + n % 10", "rank": "n % 4", "at": f"{NOW} + n", "number": "n", "kind": "'post'",
            "payload": "'{}'", "target": "n",
        },
    ),
    "import_files": (5_000, {"import_id": "1 + n % 10", "name": "'f' || n", "place": "'[]'"}),
    "import_lines": (5_000, {"import_id": "1 + n % 100", "number": "n", "item": "'i'", "why": "'w'"}),
    "imported_statuses": (
        10_000, {"account_id": f"1 + n % {ACCOUNTS}", "source": "'s' || n", "status_id": _STATUS},
    ),
    "bookmarks": (5_000, {"account_id": _AUTHOR, "status_id": f"{FIRST_STATUS} + n * 2", "id": "n"}),
    "pins": (3_000, {"account_id": "n", "status_id": f"{FIRST_STATUS} + n - 1", "id": "n"}),
    "thread_mutes": (2_000, {"account_id": "n", "thread_id": _STATUS}),
    "notifications": (
        20_000,
        {
            "id": "n", "account_id": f"1 + n % {ACCOUNTS}", "from_account_id": f"1 + n * 3 % {ACCOUNTS}",
            "type": "case n % 3 when 0 then 'favourite' when 1 then 'mention' else 'follow' end", "status_id": _STATUS,
            "group_key": "case n % 3 when 0 then 'favourite-' || n || '-500000' else '' end",
            "filtered": "case when n % 10 = 1 then 1 else 0 end",
        },
    ),
    "home_entries": (
        30_000, {"account_id": f"1 + n % {ACCOUNTS}", "status_id": f"{FIRST_STATUS} + 1 + n * 3 % {STATUSES}"}
    ),
    "notification_requests": (
        3_000,
        {
            "account_id": "n % 1000", "from_account_id": "n", "id": "n",
            "accepted": "case when n % 3 = 0 then 1 else 0 end",
        },
    ),
    "push_subscriptions": (
        3_000,
        {
            "id": "n", "account_id": "n % 1000", "token_hash": "'token' || n", "endpoint": "''", "key": "''",
            "secrets": "''", "standard": "1", "alerts": "' mention '", "policy": "'all'",
        },
    ),
    "markers": (
        3_000,
        {"account_id": "n", "timeline": "'home'", "last_read_id": "n", "version": "0", "updated_at": str(NOW)},
    ),
    "apps": (
        2_000,
        {
            "id": "n", "client_id": "'client' || n", "secret_hash": "''", "name": "'App'", "redirect_uris": "''",
            "scopes": "'read'", "created_at": f"{NOW} + n",
        },
    ),
    "grants": (
        2_000,
        {
            "code_hash": "'code' || n", "app_id": "n", "account_id": "n", "redirect_uri": "''", "scopes": "'read'",
            "expires_at": f"{NOW} + n",
        },
    ),
    "tokens": (
        6_000,
        {
            "hash": "'token' || n", "id": "n", "app_id": "1 + n % 2000", "account_id": f"1 + n % {ACCOUNTS}",
            "scopes": "'read'", "created_at": str(NOW),
        },
    ),
    "sessions": (
        4_000,
        {
            "hash": "'session' || n", "id": "n", "account_id": f"1 + n % {ACCOUNTS}", "created_at": f"{NOW} + n",
            "used_at": f"{NOW} + n",
        },
    ),
    "email_tokens": (
        2_000,
        {
            "hash": "'mail' || n", "account_id": "n", "kind": "'confirm'", "email": "''", "expires_at": f"{NOW} + n",
        },
    ),
    "receipts": (
        20_000, {"key": "'once:' || n", "result": "'1'", "created_at": f"{NOW} + n", "seen_at": f"{NOW} + n"}
    ),
    "jobs": (
        10_000,
        {
            "id": "n", "kind": "'status.posted'", "payload": "'{}'", "run_at": f"{NOW} + n",
            "dead_at": f"case when n % 50 = 0 then {NOW} else null end",
        },
    ),
    "changes": (
        20_000, {"at": f"{NOW} + n", "kind": "'status.posted'", "account_id": _AUTHOR, "subject_id": _STATUS}
    ),
    "polls": (
        4_000,
        {"status_id": f"{FIRST_STATUS} + n * 5", "account_id": "n", "expires_at": f"{NOW} + n", "counts": "'[1,2]'"},
    ),
    "poll_votes": (
        10_000,
        {
            "status_id": f"{FIRST_STATUS} + 5 * (n % 4000)", "account_id": f"1 + n % {ACCOUNTS}", "id": "n",
            "choices": "'[0]'",
        },
    ),
    "drafts": (
        4_000,
        {
            "id": "n", "account_id": "1 + n % 1000", "content": "'{}'", "updated_at": str(NOW),
            "scheduled_at": f"case when n % 2 = 0 then {NOW} + n else null end",
        },
    ),
    "status_reactions": (
        10_000,
        {
            "status_id": f"{FIRST_STATUS} + n % 3000", "account_id": f"1 + n % {ACCOUNTS}", "emoji": "'e' || (n % 7)",
            "id": "n",
        },
    ),
    "filters": (2_000, {"id": "n", "account_id": "n", "title": "'t'", "contexts": "'home'", "action": "'warn'"}),
    "filter_keywords": (
        4_000,
        {"id": "n", "account_id": "1 + n % 2000", "filter_id": "1 + n % 2000", "keyword": "'k'", "whole_word": "1"},
    ),
    "filter_statuses": (
        4_000, {"id": "n", "account_id": "1 + n % 2000", "filter_id": "1 + n % 2000", "status_id": _STATUS}
    ),
    "conversations": (
        5_000,
        {
            "id": "n", "account_id": _AUTHOR, "thread_id": _STATUS, "people_hash": "'h' || n", "people": "'[]'",
            "last_status_id": _STATUS, "unread": "n % 2",
        },
    ),
    "conversation_statuses": (
        10_000, {"account_id": _AUTHOR, "status_id": _STATUS, "conversation_id": "1 + n % 5000"}
    ),
    "reports": (
        2_000,
        {
            "id": "n", "account_id": "n", "target_id": "1 + n * 3 % 3000", "category": "'spam'", "comment": "''",
            "statuses": "'[]'", "rules": "'[]'",
            "resolved_at": f"case when n % 50 = 0 then null else {NOW} + n end",
        },
    ),
    "preview_cards": (
        4_000, {"id": "n", "url": "'https://a.example/' || n", "card": "'{}'", "used_at": f"{NOW} + n"}
    ),
    "card_uses": (10_000, {"card_id": "1 + n % 4000", "day": "20000 + n % 8", "account_id": f"1 + n % {ACCOUNTS}"}),
    "announcement_reads": (5_000, {"announcement_id": "1 + n % 50", "account_id": "n"}),
    "announcement_reactions": (
        5_000, {"announcement_id": "1 + n % 50", "name": "'e' || (n % 8)", "account_id": "n", "id": "n"}
    ),
    "moderation_log": (2_000, {"id": "n", "moderator_id": "1", "action": "'approve'", "target": "''"}),
}  # fmt: skip

SMALL = {"settings", "rules", "custom_emojis", "invites", "migrations", "announcements", "trends", "untrended"}
"""Tables that stay small on the largest server: whatever the operator writes by hand."""


async def fill(database: Any) -> None:
    """Writes all of ROWS, and as many indexed statuses."""
    terms = "array_to_tsvector(array['word' || (n % 500), 'all'])"
    search = ("status_id", terms) if database.dialect == "postgres" else ("rowid", "'word' || (n % 500) || ' all'")
    rows = ROWS | {"status_search": (STATUSES, {search[0]: _STATUS, "terms": search[1]})}
    for table, (count, columns) in rows.items():
        statement = sql(
            f"insert into {table} ({', '.join(columns)}) with recursive c(n) as (select 1 union all select n + 1 from c"
            f" where n < :count) select {', '.join(columns.values())} from c where true"
            + ("" if table in ("changes", "status_search") else " on conflict do nothing")
        )
        await database.write(lambda tx, statement=statement, count=count: tx.run(statement, count=count), heavy=True)
