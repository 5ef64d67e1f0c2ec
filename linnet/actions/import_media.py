"""Pictures of an archive: found in it, made safe like any upload, and kept; those of posts and those of the profile."""

import asyncio
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from linnet.actions import media, pictures, profiles
from linnet.archives import mastodon, unzipping
from linnet.archives.bounds import Refusal
from linnet.archives.posts import Attached, Person, word
from linnet.archives.unzipping import Place
from linnet.domain import text as words
from linnet.domain.errors import Invalid, LinnetError
from linnet.domain.files import HEAD_BYTES, Room
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.domain.site import Limits, Site
from linnet.ports import Blobs, Chance, Ids, Images, PictureKind, Recordings
from linnet.storage import imports
from linnet.storage.database import Database, Operation
from linnet.storage.imports import ImportRow

SQL = imports.SQL
_LIKENESSES: tuple[tuple[PictureKind, Room], ...] = (("avatar", "avatars"), ("header", "headers"))
_RAW_CHARS = 9_000


class Medium(NamedTuple):
    """What finding and keeping pictures of an import takes."""

    database: Database
    blobs: Blobs
    ids: Ids
    chance: Chance
    site: Site
    images: Images
    recordings: Recordings
    row: ImportRow


def bytes_max(site: Site) -> int:
    """Larger files of an archive are not looked at."""
    return max(site.limits.image_bytes, site.limits.film_bytes)


async def attachment(medium: Medium, wanted: Attached, number: int, place: int) -> int:
    """The new attachment's id, the same however often it is asked for: of item ``number`` the medium at ``place``.

    Raises Invalid.
    """
    operation = Operation(f"import:{medium.row.id}:{number}:{place}")
    data = await _bytes(medium, wanted.name)
    description = _printable(wanted.description)[: medium.site.limits.description_chars] or None
    if medium.recordings.guess(data[:HEAD_BYTES]) is not None:
        return await _recording(medium, data, description, operation)
    picture = await medium.images.process(data, "attachment")
    return await media.upload(
        medium.database, medium.blobs, medium.ids, medium.chance, medium.row.account_id, picture, description,
        wanted.focus, operation,
    )  # fmt: skip


async def _recording(medium: Medium, data: bytes, description: str | None, operation: Operation) -> int:
    """A film or a sound, made anew like any upload; raises Unavailable while another one is in work."""
    folder = medium.blobs.scratch
    with tempfile.TemporaryFile(dir=folder) as source, tempfile.TemporaryFile(dir=folder) as target:
        await asyncio.to_thread(source.write, data)
        source.seek(0)
        made = await medium.recordings.process(cast(BinaryIO, source), cast(BinaryIO, target))
        target.seek(0)
        return await media.keep(
            medium.database, medium.blobs, medium.ids, medium.chance, medium.row.account_id, made,
            cast(BinaryIO, target), description, operation,
        )  # fmt: skip


async def _bytes(medium: Medium, name: str) -> bytes:
    """The file of that name; several are looked for where ``|`` stands between them. Raises Invalid."""
    names = name.split("|")
    rows = await medium.database.read(lambda tx: tx.all(SQL.files, import_id=medium.row.id, names=names))
    if not rows:
        raise Invalid("file", "is not in the archive, or is of no kind that is taken")
    _, place, key = rows[0]
    if key is not None:
        data = await medium.blobs.get(key)
    else:
        data = await _from_archive(medium, msgspec.json.decode(place, type=Place))
    if data is None:
        raise Invalid("file", "is not in the archive")
    return data


async def _from_archive(medium: Medium, place: Place) -> bytes | None:
    if place.size > bytes_max(medium.site):
        raise Invalid("file", "is too large")
    file = await medium.blobs.fetch(medium.row.file_key)
    if file is None:
        return None
    with file:
        try:
            return await asyncio.to_thread(_whole, file, place)
        except Invalid as error:
            # One file of it, and not the archive as a whole.
            raise Invalid("file", "is damaged") from error


def _whole(file: BinaryIO, place: Place) -> bytes:
    return b"".join(unzipping.read(file, place))


# -- the profile ------------------------------------------------------------------------------------------------------


async def profile(medium: Medium, kind: str, value: Mapping[str, Any]) -> list[Refusal]:
    """Makes the archive's profile this account's; what of it could not be taken in."""
    person = mastodon.person_of(value) if kind == "person" else _own(value)
    if isinstance(person, Refusal):
        return [person]
    refused: list[Refusal] = []
    likenesses: dict[str, PictureKeys] = {}
    for name, room in _LIKENESSES:
        wanted = getattr(person, name)
        if wanted:
            try:
                made = await medium.images.process(await _bytes(medium, wanted), name)
                stored = await pictures.store(medium.blobs, medium.chance, room, medium.row.account_id, made)
                likenesses[name] = stored.likeness
            except Invalid as error:
                refused.append(Refusal(f"profile: {name}", error.why))
    changes = _changes(person, value, medium.site.limits)
    try:
        # Done again it comes to the same end: so it needs no receipt, and no picture is left without a row.
        await profiles.update(
            medium.database, medium.site, medium.row.account_id, changes, likenesses, Operation.once(medium.ids)
        )
    except LinnetError as error:
        await pictures.forget(medium.blobs, (key for keys in likenesses.values() for key in keys))
        if not isinstance(error, Invalid):
            raise
        refused.append(Refusal(f"profile: {error.field}", error.why))
    return refused


def _own(value: Mapping[str, Any]) -> Person:
    """The profile as an archive of ours has it."""
    fields, flags = value.get("fields"), value.get("flags")
    pairs = [one for one in (fields if isinstance(fields, list) else ()) if isinstance(one, list) and len(one) == 2]
    return Person(
        word(value.get("display_name")), word(value.get("note"), _RAW_CHARS),
        tuple((word(name), word(said)) for name, said in pairs), word(value.get("avatar")), word(value.get("header")),
        tuple((name, flag is True) for name, flag in (flags if isinstance(flags, dict) else {}).items()),
    )  # fmt: skip


def _changes(person: Person, value: Mapping[str, Any], limits: Limits) -> ProfileChanges:
    """Within what a profile may be here: longer texts are cut, and further fields left out."""
    flags = dict(person.flags)
    note = _printable(person.note)[:_RAW_CHARS]
    while words.count(note) > limits.note_chars:
        note = note[: -max(1, words.count(note) - limits.note_chars)]
    size = limits.field_chars
    fields = [(_printable(name)[:size].strip(), _printable(said)[:size].strip()) for name, said in person.fields]
    return ProfileChanges(
        display_name=_printable(person.display_name).strip()[: limits.display_name_chars].strip(),
        note=note,
        fields=tuple((name, said) for name, said in fields if name)[: limits.fields],
        avatar_description=_printable(word(value.get("avatar_description")))[: limits.description_chars],
        header_description=_printable(word(value.get("header_description")))[: limits.description_chars],
        locked=flags.get("locked"),
        bot=flags.get("bot"),
        discoverable=flags.get("discoverable"),
        indexable=flags.get("indexable"),
        hide_collections=flags.get("hide_collections"),
    )


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable() or one in "\n\t")
