"""Everything of an account that is no post, taken in row by row: a new noun is one function and one row of NOUNS."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from linnet.actions import (
    blocks,
    domain_blocks,
    drafts,
    endorsements,
    filters,
    follows,
    import_posts,
    interactions,
    lists,
    profiles,
    tags,
)
from linnet.archives.posts import word
from linnet.domain import filters as filter_rules
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.lists import ListChanges
from linnet.domain.profiles import ProfileChanges
from linnet.domain.relations import MUTE_MS_MAX, FollowOptions, Mute
from linnet.domain.site import Site
from linnet.domain.statuses import MARKDOWN, PLAIN, Draft
from linnet.domain.visibility import Visibility
from linnet.storage import accounts, imports, relations
from linnet.storage import lists as list_rows
from linnet.storage.database import Database, Operation, Reader

SQL = imports.SQL

Row = Mapping[str, Any]


class Here(NamedTuple):
    """Into whose account rows are taken, and on which server."""

    database: Database
    site: Site
    account_id: int


Take = Callable[[Here, Row, Operation], Awaitable[int]]
"""Takes a row in: the id of what it is about. Raises what the report then says."""


async def _account(here: Here, row: Row) -> int:
    """The account of that name, with its server's or, for one of ours, without. Raises NotFound."""
    name, _, domain = word(row.get("acct"), 300).strip().lstrip("@").partition("@")
    domain = domain.lower()
    found = None
    if name:
        found = await here.database.read(
            lambda tx: tx.one(
                accounts.SQL.id_by_name,
                username_key=name.lower(),
                domain="" if domain == here.site.domain else domain,
            )
        )
    if found is None:
        raise NotFound("is not known on this server")
    return int(found[0])


async def _status(here: Here, row: Row) -> int:
    """The status at that address, as far as it is here. Raises NotFound."""
    address = word(row.get("status"))

    async def read(tx: Reader) -> int | None:
        found = await import_posts.known(tx, here.site, here.account_id, address)
        return found.id if found is not None else import_posts.own_id(here.site, address)

    found = await here.database.read(read) if address else None
    if found is None:
        raise NotFound("is not known on this server")
    return found


def _languages(value: Any) -> tuple[str, ...]:
    return tuple(word(one, 10) for one in value[:50]) if isinstance(value, list) else ()


async def _follow(here: Here, row: Row, operation: Operation) -> int:
    target = await _account(here, row)
    options = FollowOptions(
        row.get("reblogs") is not False, row.get("notify") is True, _languages(row.get("languages"))
    )
    await follows.follow(here.database, here.site, here.account_id, target, options, operation)
    return target


async def _block(here: Here, row: Row, operation: Operation) -> int:
    target = await _account(here, row)
    await blocks.block(here.database, here.account_id, target, operation)
    return target


async def _mute(here: Here, row: Row, operation: Operation) -> int:
    target, ends = await _account(here, row), row.get("expires_at")
    left = None
    if isinstance(ends, int):
        now = await here.database.read(_now)
        if ends <= now:
            raise Invalid("mute", "has ended already")
        left = min(ends - now, MUTE_MS_MAX)
    await blocks.mute(
        here.database, here.account_id, target, Mute(row.get("notifications") is not False, left), operation
    )
    return target


async def _now(tx: Reader) -> int:
    return tx.now


async def _note(here: Here, row: Row, operation: Operation) -> int:
    target = await _account(here, row)
    await blocks.note(here.database, here.account_id, target, word(row.get("comment"), 3_000), operation)
    return target


async def _list(here: Here, row: Row, operation: Operation) -> int:
    """A list of the same title is the same list."""
    title = word(row.get("title") or row.get("list"), 300)
    found = await _list_called(here, title)
    if found is not None:
        return found
    policy = row.get("replies_policy")
    wanted = ListChanges(title, policy if isinstance(policy, str) else None, row.get("exclusive") is True)
    return await lists.create(here.database, here.account_id, wanted, operation)


async def _list_called(here: Here, title: str) -> int | None:
    async def read(tx: Reader) -> int | None:
        rows = await tx.all(list_rows.SQL.all, account_id=here.account_id)
        return next((int(row[0]) for row in rows if row[1] == title), None)

    return await here.database.read(read)


async def _list_member(here: Here, row: Row, operation: Operation) -> int:
    """Whoever is on a list is followed; a list that is not there is made."""
    target = await _account(here, row)
    made = await _list(here, row, Operation(f"{operation.key}:list"))
    stands = await here.database.read(lambda tx: relations.relationships(tx, here.account_id, (target,)))
    if target != here.account_id and not (stands.get(target) and stands[target].following):
        follow = Operation(f"{operation.key}:follow")
        await follows.follow(here.database, here.site, here.account_id, target, FollowOptions(), follow)
    await lists.add(here.database, here.account_id, made, (target,), operation)
    return made


async def _followed_tag(here: Here, row: Row, operation: Operation) -> int:
    await tags.follow(here.database, here.account_id, word(row.get("tag"), 300), operation)
    return 0


async def _featured_tag(here: Here, row: Row, operation: Operation) -> int:
    await tags.feature(here.database, here.account_id, word(row.get("tag"), 300), operation, again=True)
    return 0


async def _filter(here: Here, row: Row, operation: Operation) -> int:
    ends, found, named = row.get("expires_at"), row.get("keywords"), row.get("statuses")
    left = None
    if isinstance(ends, int):
        left = max(1, min(ends - await here.database.read(_now), filter_rules.EXPIRES_SECONDS_MAX * 1000))
    contexts = row.get("contexts")
    keywords = tuple(
        filter_rules.KeywordChange(None, word(one.get("keyword"), 1_000), one.get("whole_word") is True)
        for one in (found if isinstance(found, list) else ())[: filter_rules.KEYWORDS_MAX]
        if isinstance(one, Mapping)
    )
    draft = filter_rules.Draft(
        word(row.get("title"), 1_000), tuple(map(str, contexts[:10])) if isinstance(contexts, list) else (),
        word(row.get("action"), 20) or None, left is not None, left, keywords,
    )  # fmt: skip
    made = await filters.create(here.database, here.account_id, draft, operation)
    for number, address in enumerate((named if isinstance(named, list) else ())[: filter_rules.STATUSES_MAX]):
        try:
            status = await _status(here, {"status": address})
        except NotFound:
            continue  # a status that is not here need not be hidden here
        more = Operation(f"{operation.key}:{number}")
        await filters.add_status(here.database, here.account_id, made, status, more)
    return made


async def _favourite(here: Here, row: Row, operation: Operation) -> int:
    return await interactions.favourite(here.database, here.account_id, await _status(here, row), operation)


async def _bookmark(here: Here, row: Row, operation: Operation) -> int:
    return await interactions.bookmark(here.database, here.account_id, await _status(here, row), operation)


async def _pin(here: Here, row: Row, operation: Operation) -> int:
    return await interactions.pin(here.database, here.site, here.account_id, await _status(here, row), operation)


async def _mute_thread(here: Here, row: Row, operation: Operation) -> int:
    return await interactions.mute_thread(here.database, here.account_id, await _status(here, row), operation)


async def _preferences(here: Here, row: Row, operation: Operation) -> int:
    visibility = Visibility.parse(word(row.get("visibility"), 20))
    sensitive, language, kind = row.get("sensitive"), row.get("language"), row.get("content_type")
    changes = ProfileChanges(
        visibility=visibility if visibility != Visibility.DIRECT else None,
        sensitive=bool(sensitive) if isinstance(sensitive, int) else None,
        content_type=kind if kind in (PLAIN, MARKDOWN) else None,
        language=language if isinstance(language, str) and len(language) <= 10 else None,
    )
    await profiles.update(here.database, here.site, here.account_id, changes, {}, operation)
    return here.account_id


async def _block_domain(here: Here, row: Row, operation: Operation) -> int:
    domain = word(row.get("domain"), 300)
    await domain_blocks.block(here.database, here.site, here.account_id, domain, operation)
    blocked = await here.database.read(lambda tx: tx.one(SQL.domain_block, account_id=here.account_id, domain=domain))
    return int(blocked[0]) if blocked is not None else 0


async def _endorse(here: Here, row: Row, operation: Operation) -> int:
    target = await _account(here, row)
    await endorsements.endorse(here.database, here.account_id, target, operation)
    return target


async def _draft(here: Here, row: Row, operation: Operation) -> int:
    """Without its media and what it answers, which have other ids here; a scheduled one is a draft here."""
    try:
        kept = msgspec.convert(row.get("content"), Draft)
    except msgspec.ValidationError as error:
        raise Invalid("draft", "is not of the expected form") from error
    plain = replace(kept, in_reply_to_id=None, media_ids=(), quoted_status_id=None, app_id=0, app_name=None)
    return await drafts.save(here.database, here.site, here.account_id, plain, operation)


async def _not_moved(here: Here, row: Row, operation: Operation) -> int:
    raise Invalid("followers", "follow you only when they choose to")


NOUNS: dict[str, Take] = {
    "preferences": _preferences,
    "follows": _follow,
    "follow_requests": _follow,
    "followers": _not_moved,
    "blocks": _block,
    "mutes": _mute,
    "notes": _note,
    "lists": _list,
    "list_members": _list_member,
    "endorsements": _endorse,
    "domain_blocks": _block_domain,
    "drafts": _draft,
    "followed_tags": _followed_tag,
    "featured_tags": _featured_tag,
    "filters": _filter,
    "favourites": _favourite,
    "bookmarks": _bookmark,
    "pins": _pin,
    "thread_mutes": _mute_thread,
}
"""By the kind of the item. What stands in no row here is counted in the report as not known to this version."""


def called(kind: str, row: Row) -> str:
    """How the report names an item."""
    what = row.get("acct") or row.get("status") or row.get("title") or row.get("tag") or row.get("domain") or ""
    return f"{kind.replace('_', ' ')}: {word(what, 200)}" if what else kind.replace("_", " ")


class Other(NamedTuple):
    """How what an imported list does not name is taken away, where the list is to replace what is there."""

    statement: Any
    undo: Callable[[Here, int, Operation], Awaitable[None]]


async def _unfollow(here: Here, target: int, operation: Operation) -> None:
    await follows.unfollow(here.database, here.account_id, target, operation)


async def _unblock(here: Here, target: int, operation: Operation) -> None:
    await blocks.unblock(here.database, here.account_id, target, operation)


async def _unmute(here: Here, target: int, operation: Operation) -> None:
    await blocks.unmute(here.database, here.account_id, target, operation)


async def _unbookmark(here: Here, status: int, operation: Operation) -> None:
    await interactions.unbookmark(here.database, here.account_id, status, operation)


async def _unlist(here: Here, made: int, operation: Operation) -> None:
    await lists.delete(here.database, here.account_id, made, operation)


async def _unblock_domain(here: Here, block: int, operation: Operation) -> None:
    row = await here.database.read(lambda tx: tx.one(SQL.blocked_domain, account_id=here.account_id, id=block))
    if row is not None:
        await domain_blocks.unblock(here.database, here.site, here.account_id, row[0], operation)


OTHERS: dict[str, Other] = {
    "following": Other(SQL.other_follows, _unfollow),
    "mutes": Other(SQL.other_mutes, _unmute),
    "blocks": Other(SQL.other_blocks, _unblock),
    "bookmarks": Other(SQL.other_bookmarks, _unbookmark),
    "domain_blocks": Other(SQL.other_domain_blocks, _unblock_domain),
    "lists": Other(SQL.other_lists, _unlist),
}
"""By the kind of the import."""
