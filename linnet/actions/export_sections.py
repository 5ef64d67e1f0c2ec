"""What an archive is made of, file by file: a new noun is one row of SECTIONS, and one statement."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from linnet.archives import csvs, mastodon
from linnet.archives.posts import Attached, Person, Poll, Post
from linnet.domain import ids as layout
from linnet.domain.polls import PollView
from linnet.domain.site import Site
from linnet.domain.views import Field, MediaView, MentionView
from linnet.storage import exports
from linnet.storage.database import Reader
from linnet.storage.statements import Row, Statement

SQL = exports.SQL
BATCH = 200
FORMAT = 1

_fields = msgspec.json.Decoder(tuple[Field, ...])
_mentions = msgspec.json.Decoder(tuple[MentionView, ...])
_tags = msgspec.json.Decoder(tuple[str, ...])
_media = msgspec.json.Decoder(tuple[MediaView, ...])
_poll = msgspec.json.Decoder(PollView)


class Whose(NamedTuple):
    """The account that is written down, and the server that it is on."""

    site: Site
    id: int
    username: str

    @property
    def address(self) -> str:
        return self.site.account_url(self.username)

    def acct(self, username: str, domain: str) -> str:
        """With its server's name always: the archive is read elsewhere."""
        return f"{username}@{domain or self.site.domain}"


class Batch(NamedTuple):
    """Pieces of a file, ``blobs`` that are files of their own (name and key), and where to go on; 0 at the end."""

    pieces: list[bytes]
    after: int
    blobs: Sequence[tuple[str, str]] = ()


Read = Callable[[Reader, Whose, int], Awaitable[Batch]]


class Section(NamedTuple):
    """A file of the archive; with an empty ``name`` it has only blobs."""

    name: str
    read: Read
    head: bytes = b""
    separator: bytes = b""
    tail: bytes = b""


# -- how rows are read ------------------------------------------------------------------------------------------------


def _end(rows: Sequence[Row]) -> int:
    return int(rows[-1][0]) if len(rows) == BATCH else 0


def _rows(statement: Statement, piece: Callable[[Whose, Row], bytes]) -> Read:
    """One piece for each row of a statement whose first column is what the next batch begins after."""

    async def read(tx: Reader, whose: Whose, after: int) -> Batch:
        rows = await tx.all(statement, account_id=whose.id, after=after, limit=BATCH)
        return Batch([piece(whose, row) for row in rows], _end(rows))

    return read


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _noun(name: str, statement: Statement, *keys: str) -> Section:
    """A file of ours: JSON lines. ``keys`` name the columns after the first; ``acct`` takes two of them."""
    return Section(f"linnet/{name}.jsonl", _rows(statement, lambda whose, row: _line(_named(whose, row[1:], keys))))


def _named(whose: Whose, values: Row, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    for key in keys:
        if key == "acct":
            found[key] = whose.acct(values[at], values[at + 1])
            at += 1
        elif key == "status":
            found[key] = whose.site.status_url(values[at + 1], values[at])
            at += 1
        elif key in ("languages", "content"):
            found[key] = None if values[at] is None else msgspec.json.decode(values[at])
        elif key in ("reblogs", "notify", "notifications", "exclusive"):
            found[key] = bool(values[at])
        else:
            found[key] = values[at]
        at += 1
    return found


def _csv(name: str, statement: Statement, line: Callable[[Whose, Row], bytes]) -> Section:
    return Section(name, _rows(statement, line), csvs.HEADS.get(csvs.FILES[name], b""))


def _collection(name: str, read: Read) -> Section:
    head, tail = mastodon.collection(name)
    return Section(name, read, head, b",", tail)


# -- what is read -----------------------------------------------------------------------------------------------------


async def _about(tx: Reader, whose: Whose, after: int) -> Batch:
    row = await tx.one(SQL.preferences, account_id=whose.id)
    keys = ("locale", "visibility", "sensitive", "language", "expand_media", "expand_spoilers", "content_type")
    about = {
        "format": FORMAT, "origin": whose.site.origin, "acct": whose.acct(whose.username, ""), "made_at": tx.now,
        "preferences": dict(zip(keys, row, strict=False)) if row is not None else {},
    }  # fmt: skip
    return Batch([msgspec.json.encode(about)], 0)


async def _profile(tx: Reader, whose: Whose) -> tuple[Person, str, dict[str, Any]] | None:
    row = await tx.one(SQL.profile, account_id=whose.id)
    if row is None:
        return None
    flags = dict(
        zip(("bot", "locked", "discoverable", "indexable", "hide_collections"), map(bool, row[9:]), strict=True)
    )
    pictures = [
        f"{name}.{key.rpartition('.')[2]}" if key else "" for name, key in (("avatar", row[5]), ("header", row[6]))
    ]
    fields = tuple((one.name, one.value) for one in _fields.decode(row[4]))
    person = Person(row[1], row[2], fields, pictures[0], pictures[1], tuple(flags.items()))
    more = {"avatar_description": row[7], "header_description": row[8], "keys": (row[5], row[6])}
    return person, row[3], more


async def _actor(tx: Reader, whose: Whose, after: int) -> Batch:
    """The profile in Mastodon's words, and its pictures."""
    found = await _profile(tx, whose)
    if found is None:
        return Batch([], 0)
    person, note_html, more = found
    actor = mastodon.actor(person, whose.address, whose.username, note_html, layout.milliseconds(whose.id))
    names = zip((person.avatar, person.header), more["keys"], strict=True)
    return Batch([msgspec.json.encode(actor)], 0, [(name, key) for name, key in names if key])


async def _own_profile(tx: Reader, whose: Whose, after: int) -> Batch:
    """The profile as it was typed."""
    found = await _profile(tx, whose)
    if found is None:
        return Batch([], 0)
    person, _, more = found
    return Batch(
        [
            _line(
                {
                    "display_name": person.display_name, "note": person.note, "fields": person.fields,
                    "avatar": person.avatar, "header": person.header, "flags": dict(person.flags),
                    "avatar_description": more["avatar_description"], "header_description": more["header_description"],
                }
            )
        ],
        0,
    )  # fmt: skip


def media_name(id: int, key: str) -> str:
    """Under which name a medium lies in the archive."""
    return f"media_attachments/files/{id}/{key.rpartition('/')[2]}"


def _post(whose: Whose, row: Row) -> bytes:
    id, visibility, language, answers, answered, shows, shown, counts, voters, local, text, spoiler, html = row[:13]
    address = whose.site.status_url(whose.username, id)
    if shows is not None:
        of = whose.site.status_url(shown, shows) if shown else ""
        return msgspec.json.encode(mastodon.announcement(address, whose.address, layout.milliseconds(id), of))
    sensitive, mentions, tags, media, edited_at, poll, kind = row[13:]
    post = Post(
        address, layout.milliseconds(id), text or "", spoiler or "", visibility, bool(sensitive), language,
        whose.site.status_url(answered, answers) if answers and answered else None,
        tuple(_attached(one) for one in _media.decode(media or "[]")),
        None if poll is None else _counted(_poll.decode(poll), counts, voters), edited_at,
        "" if kind in (None, "text/plain") else kind, bool(local),
    )  # fmt: skip
    named = [
        {
            "type": "Mention", "href": whose.site.account_url(one.username) if not one.domain else one.acct,
            "name": f"@{whose.acct(one.username, one.domain)}",
        }
        for one in _mentions.decode(mentions or "[]")
    ]  # fmt: skip
    used = [
        {"type": "Hashtag", "href": whose.site.tag_url(name), "name": f"#{name}"} for name in _tags.decode(tags or "[]")
    ]
    return msgspec.json.encode(mastodon.activity(post, html or "", address, whose.address, [*named, *used]))


def _attached(one: MediaView) -> Attached:
    point = one.meta.get("focus")
    return Attached(
        media_name(one.id, one.file_key), one.description or "", (point["x"], point["y"]) if point else None
    )


def _counted(poll: PollView, counts: str | None, voters: int | None) -> Poll:
    votes = tuple(msgspec.json.decode(counts, type=list[int])) if counts else (0,) * len(poll.options)
    return Poll(poll.options, votes, bool(poll.multiple), poll.expires_at, voters or 0)


async def _files(tx: Reader, whose: Whose, after: int) -> Batch:
    rows = await tx.all(SQL.media, account_id=whose.id, after=after, limit=1)
    return Batch([], rows[0][0] if rows else 0, [(media_name(id, key), key) for id, key in rows])


async def _filters(tx: Reader, whose: Whose, after: int) -> Batch:
    rows = await tx.all(SQL.filters, account_id=whose.id, after=after, limit=BATCH)
    ids = [row[0] for row in rows]
    words = await tx.all(SQL.filter_keywords, account_id=whose.id, ids=ids)
    posts = await tx.all(SQL.filter_statuses, account_id=whose.id, ids=ids)
    pieces = [
        _line(
            {
                "title": title, "contexts": contexts.split(), "action": action, "expires_at": expires_at,
                "keywords": [{"keyword": word[1], "whole_word": bool(word[2])} for word in words if word[0] == id],
                "statuses": [whose.site.status_url(post[2], post[1]) for post in posts if post[0] == id],
            }
        )
        for id, title, contexts, action, expires_at in rows
    ]  # fmt: skip
    return Batch(pieces, _end(rows))


def _address(whose: Whose, row: Row) -> str:
    return whose.site.status_url(row[2], row[1])


def _languages(text: str | None) -> str:
    return ", ".join(msgspec.json.decode(text, type=list[str])) if text else ""


SECTIONS: tuple[Section, ...] = (
    Section("linnet.json", _about),
    Section("actor.json", _actor),
    _collection("outbox.json", _rows(SQL.posts, _post)),
    _collection("likes.json", _rows(SQL.favourites, lambda whose, row: msgspec.json.encode(_address(whose, row)))),
    _collection("bookmarks.json", _rows(SQL.bookmarks, lambda whose, row: msgspec.json.encode(_address(whose, row)))),
    _csv(
        "following_accounts.csv", SQL.follows,
        lambda whose, row: csvs.line(whose.acct(row[1], row[2]), bool(row[3]), bool(row[4]), _languages(row[5])),
    ),
    _csv(
        "muted_accounts.csv", SQL.mutes,
        lambda whose, row: csvs.line(whose.acct(row[1], row[2]), bool(row[3])),
    ),
    _csv("blocked_accounts.csv", SQL.blocks, lambda whose, row: csvs.line(whose.acct(row[1], row[2]))),
    _csv("lists.csv", SQL.list_members, lambda whose, row: csvs.line(row[1], whose.acct(row[2], row[3]))),
    _csv("bookmarks.csv", SQL.bookmarks, lambda whose, row: csvs.line(_address(whose, row))),
    _csv("domain_blocks.csv", SQL.domain_blocks, lambda whose, row: csvs.line(row[1])),
    Section("linnet/profile.jsonl", _own_profile),
    _noun("follows", SQL.follows, "acct", "reblogs", "notify", "languages"),
    _noun("follow_requests", SQL.requests, "acct", "reblogs", "notify", "languages"),
    _noun("followers", SQL.followers, "acct"),
    _noun("blocks", SQL.blocks, "acct"),
    _noun("mutes", SQL.mutes, "acct", "notifications", "expires_at"),
    _noun("notes", SQL.notes, "acct", "comment"),
    _noun("endorsements", SQL.endorsements, "acct"),
    _noun("lists", SQL.lists, "title", "replies_policy", "exclusive"),
    _noun("list_members", SQL.list_members, "list", "acct"),
    _noun("followed_tags", SQL.followed_tags, "tag"),
    _noun("featured_tags", SQL.featured_tags, "tag"),
    _noun("domain_blocks", SQL.domain_blocks, "domain"),
    Section("linnet/filters.jsonl", _filters),
    _noun("favourites", SQL.favourites, "status"),
    _noun("bookmarks", SQL.bookmarks, "status"),
    _noun("pins", SQL.pins, "status"),
    _noun("thread_mutes", SQL.thread_mutes, "status"),
    _noun("drafts", SQL.drafts, "content", "scheduled_at"),
    Section("", _files),
)  # fmt: skip
"""In this order. A waiting export holds the name of its section: rows may be added, and none may be renamed."""
