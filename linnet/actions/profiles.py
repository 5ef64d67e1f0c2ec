"""Changing what an account says of itself, its pictures and its defaults."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linnet.actions.statuses import as_json, render_text
from linnet.domain import profiles as rules
from linnet.domain.errors import NotAllowed, NotFound
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.domain.site import Site
from linnet.domain.views import AccountRow, Field, Profile
from linnet.storage import accounts, changes, jobs, relations
from linnet.storage.database import Database, Operation, Writer

FLAGS = ("locked", "bot", "discoverable", "indexable", "hide_collections")


def check(wanted: ProfileChanges, site: Site) -> ProfileChanges:
    """The changes with their texts cleaned: asked before pictures are made. Raises Invalid."""
    return rules.check(wanted, site.limits)


async def update(
    database: Database,
    site: Site,
    actor: int,
    wanted: ProfileChanges,
    pictures: Mapping[str, PictureKeys],
    operation: Operation,
) -> None:
    """Changes what ``wanted`` names, and the ``pictures`` (``avatar``, ``header``); their old files go.

    Raises Invalid, NotFound, or NotAllowed for a suspended account.
    """
    given = check(wanted, site)

    async def write(tx: Writer) -> None:
        # Locked first: what is not named is written back as it is, and must not undo another change.
        await tx.all(relations.SQL.lock, ids=(actor,))
        row = (await accounts.rows(tx, (actor,))).get(actor)
        before = (await accounts.profiles(tx, (actor,))).get(actor)
        if row is None or before is None:
            raise NotFound
        await _set_flags(tx, row, given)
        await _set_profile(tx, site, before, given, pictures)
        await _set_defaults(tx, actor, given)
        if given.display_name is not None and given.display_name != before.display_name:
            await accounts.file_terms(tx, actor, before.username, given.display_name)
        unused = _unused(before, pictures)
        if unused:
            await jobs.add(tx, "files.delete", {"keys": unused})
        await changes.append(tx, "account.changed", actor, actor)

    await database.write(write, operation)


async def _set_flags(tx: Writer, row: AccountRow, given: ProfileChanges) -> None:
    flags = {name: _int(getattr(given, name), getattr(row, name)) for name in FLAGS}
    if not await tx.run(accounts.SQL.set_flags, id=row.id, version=tx.ids.next(), **flags):
        raise NotAllowed("Your account is suspended: it cannot be changed")
    if row.locked and not flags["locked"]:
        await jobs.add(tx, "account.unlocked", {"account_id": row.id}, once=f"account.unlocked:{row.id}")


async def _set_profile(
    tx: Writer, site: Site, before: Profile, given: ProfileChanges, pictures: Mapping[str, PictureKeys]
) -> None:
    avatar = pictures.get("avatar", PictureKeys(before.avatar_key, before.avatar_static_key))
    header = pictures.get("header", PictureKeys(before.header_key, before.header_static_key))
    note_html = before.note_html if given.note is None else (await render_text(tx, site, given.note))[0]
    await tx.run(
        accounts.SQL.set_profile,
        account_id=before.id,
        display_name=_or(given.display_name, before.display_name),
        note=_or(given.note, before.note),
        note_html=note_html,
        fields=msgspec.json.encode(_fields(before, given)).decode(),
        avatar_key=avatar.original,
        avatar_static_key=avatar.static,
        header_key=header.original,
        header_static_key=header.static,
        avatar_description=_or(given.avatar_description, before.avatar_description),
        header_description=_or(given.header_description, before.header_description),
        attribution_domains=as_json(
            before.attribution_domains if given.attribution_domains is None else given.attribution_domains
        ),
        show_media=_int(given.show_media, before.show_media),
        show_media_replies=_int(given.show_media_replies, before.show_media_replies),
        show_featured=_int(given.show_featured, before.show_featured),
    )


async def _set_defaults(tx: Writer, actor: int, given: ProfileChanges) -> None:
    chosen = (given.visibility, given.sensitive, given.language, given.quote_policy, given.content_type)
    if chosen == (None,) * 5:
        return
    row = await tx.one(accounts.SQL.credentials, account_id=actor)
    if row is None:
        raise NotFound
    await tx.run(
        accounts.SQL.set_defaults,
        account_id=actor,
        visibility=row[1] if given.visibility is None else given.visibility.word,
        sensitive=_int(given.sensitive, row[2]),
        language=row[3] if given.language is None else given.language or None,
        quote_policy=row[8] if given.quote_policy is None else int(given.quote_policy),
        content_type=given.content_type or row[9],
    )


def _fields(before: Profile, given: ProfileChanges) -> tuple[Field, ...]:
    """A link that was verified stays so for as long as it is the same."""
    if given.fields is None:
        return before.fields
    verified = {one.value: one.verified_at for one in before.fields}
    return tuple(Field(name, value, verified.get(value)) for name, value in given.fields)


def _unused(before: Profile, pictures: Mapping[str, PictureKeys]) -> list[str]:
    old: dict[str, tuple[Any, ...]] = {
        "avatar": (before.avatar_key, before.avatar_static_key),
        "header": (before.header_key, before.header_static_key),
    }
    keys = (key for name in pictures for key in old[name] if key and key not in pictures[name])
    return list(dict.fromkeys(keys))


def _or(given: str | None, before: str) -> str:
    return before if given is None else given


def _int(given: bool | None, before: int) -> int:
    return before if given is None else int(given)
