"""What is in an archive: its files one after another, turned into items, without opening more than is wanted."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from linnet.archives import csvs, json_items, mastodon, twitter, untarring, unzipping
from linnet.archives.bounds import Bounds, Refusal, Source, damaged
from linnet.archives.posts import Post, word
from linnet.archives.unzipping import Place

PROFILE, POST, ROW, MARK = 0, 1, 2, 3
"""In which order items are taken in: what is marked must be there before its marks."""
AFTER_POSTS = frozenset({"favourites", "bookmarks", "pins", "thread_mutes", "filters"})

_MEDIA = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|heic|mp4|m4v|mov|webm|mp3|ogg|oga|opus|m4a|wav|flac)$", re.IGNORECASE
)
_TWEETS = re.compile(r"data/(?:tweets?|tweets?-part\d{1,4})\.js$")
_NOUN = re.compile(r"linnet/([a-z_]{1,40})\.jsonl$")
_LISTS = ("outbox.json", "likes.json", "bookmarks.json")
_SMALL = 64 << 10
_PERSON = (
    "type", "name", "summary", "attachment", "icon", "image", "manuallyApprovesFollowers", "discoverable", "indexable",
)  # fmt: skip
_PREFERENCES = ("visibility", "sensitive", "language", "content_type")


class Item(NamedTuple):
    """Something to be taken in; ``payload`` is JSON."""

    rank: int
    at: int
    kind: str
    payload: bytes


class File(NamedTuple):
    """A medium: where it lies, or its bytes where it cannot be found again."""

    name: str
    place: Place
    data: bytes | None


class At(NamedTuple):
    """How far the scan is: what was found up to here was kept."""

    entry: int
    item: int


class Found(NamedTuple):
    """``what`` is None where only time has passed."""

    at: At
    what: Item | File | Refusal | None


class _Entry(NamedTuple):
    name: str
    size: int
    open: Callable[[], Iterator[bytes]]
    place: Place | None
    why: str


class About(msgspec.Struct, omit_defaults=True):
    """What an archive says of itself: where it comes from, as ``https://host``, whose it is, and below which folder
    everything lies."""

    origin: str = ""
    owner: str = ""
    root: str = ""
    ours: bool = False
    preferences: dict[str, Any] = {}
    person: dict[str, Any] | None = None

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2].partition("/")[0].lower()


@dataclass(slots=True)
class _Spent:
    """What was unpacked so far, and how much of that was text, which takes longer to look through."""

    unpacked: int = 0
    text: int = 0


def about(file: Source, bounds: Bounds) -> About:
    """The first look: the two small files that say whose archive it is. Raises Invalid for what is no archive."""
    found = About()
    for entry in _entries(file, bounds):
        name = entry.name.rpartition("/")[2]
        if entry.why or name not in ("linnet.json", "actor.json") or entry.name.count("/") > 1:
            if not entry.why and _TWEETS.search(entry.name):
                found.root = found.root or _TWEETS.sub("", entry.name)
            continue
        read = json_items.document(_whole(entry, bounds.item_bytes), name, bounds)
        if not isinstance(read, dict):
            continue
        found.root = entry.name.removesuffix(name)
        if name == "linnet.json" and not found.ours:
            preferences = read.get("preferences")
            found.origin, found.ours = _origin(read.get("origin")), True
            found.preferences = _part(preferences, _PREFERENCES) or {}
        elif name == "actor.json" and found.person is None:
            found.person, found.owner = _part(read, _PERSON), word(read.get("id"), 500)
            found.origin = found.origin or _origin(found.owner)
    return found


def _part(value: Any, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """What is wanted of an object, unless it is large: it is written down with every step of the import."""
    if not isinstance(value, dict):
        return None
    found = {key: value[key] for key in keys if key in value}
    return found if len(msgspec.json.encode(found)) <= _SMALL else None


def _origin(address: Any) -> str:
    match = re.match(r"https?://[^/\s]{1,253}", address) if isinstance(address, str) else None
    return match[0].lower() if match else ""


def scan(file: Source, kind: str, said: About, bounds: Bounds, start: At, *, media_max: int) -> Iterator[Found]:
    """Everything from ``start`` on. ``kind`` is ``archive`` or one of the CSV lists. Raises Invalid ("archive", …)."""
    if kind != "archive":
        yield from _numbered(_rows(_plain(file), kind, "the list", bounds), 0, start)
        return
    spent = _Spent()
    number = -1
    for number, entry in enumerate(_entries(file, bounds)):
        if number < start.entry:
            continue
        found = _refused(entry) if entry.why else _found(entry, said, bounds, spent, media_max)
        yield from _numbered(found, number, start)
        yield Found(At(number + 1, 0), None)
    if number < 0:
        raise damaged("is empty")


def _numbered(found: Iterator[Item | File | Refusal], entry: int, start: At) -> Iterator[Found]:
    for number, what in enumerate(found, 1):
        if entry > start.entry or number > start.item:
            yield Found(At(entry, number), what)


def _refused(entry: _Entry) -> Iterator[Refusal]:
    yield Refusal(entry.name, entry.why)


def _found(
    entry: _Entry, said: About, bounds: Bounds, spent: _Spent, media_max: int
) -> Iterator[Item | File | Refusal]:
    if not entry.name.startswith(said.root):
        return
    name = entry.name[len(said.root) :]
    media = _MEDIA.search(name) is not None

    def chunks() -> Iterator[bytes]:
        for chunk in entry.open():
            spent.unpacked += len(chunk)
            spent.text += 0 if media else len(chunk)
            if spent.unpacked > bounds.unpacked_bytes or spent.text > bounds.text_bytes:
                raise damaged("unpacks to far more than is read")
            yield chunk

    if media:
        yield from _medium(entry, name, chunks, media_max)
    elif name in ("linnet.json", "actor.json"):
        yield from _said(name, said)
    else:
        yield from _items(name, chunks, said, bounds)


def _said(name: str, said: About) -> Iterator[Item]:
    """What the first look has found already."""
    if name == "actor.json" and said.person is not None and not said.ours:
        yield Item(PROFILE, 0, "person", msgspec.json.encode(said.person))
    elif name == "linnet.json" and said.preferences:
        yield Item(PROFILE, 0, "preferences", msgspec.json.encode(said.preferences))


def _items(
    name: str, chunks: Callable[[], Iterator[bytes]], said: About, bounds: Bounds
) -> Iterator[Item | File | Refusal]:
    noun = _NOUN.fullmatch(name)
    if noun is not None and said.ours:
        yield from _nouns(json_items.lines(chunks(), name, bounds), noun[1], name)
    elif name in _LISTS and (name == "outbox.json" or not said.ours):
        yield from _collection(json_items.items(chunks(), name, "orderedItems", bounds), name, said)
    elif _TWEETS.fullmatch(name):
        for number, one in enumerate(json_items.items(chunks(), name, None, bounds), 1):
            yield one if isinstance(one, Refusal) else _posted(twitter.post_of(one, f"{name}, tweet {number}"))
    elif name in csvs.FILES and not said.ours:
        yield from _rows(chunks(), csvs.FILES[name], name, bounds)


def _medium(
    entry: _Entry, name: str, chunks: Callable[[], Iterator[bytes]], media_max: int
) -> Iterator[File | Refusal]:
    if entry.size > media_max:
        yield Refusal(name, f"is larger than {media_max >> 20} MiB")
    elif entry.place is not None:
        yield File(name, entry.place, None)
    else:
        yield File(name, Place(0, 0, entry.size, 0, 0), b"".join(chunks()))


def _collection(found: Iterator[Any], file: str, said: About) -> Iterator[Item | Refusal]:
    for number, one in enumerate(found, 1):
        if isinstance(one, Refusal):
            yield one
        elif file == "outbox.json":
            yield _posted(mastodon.post_of(one, f"{file}, item {number}", said.owner))
        elif isinstance(one, str):
            kind = "favourites" if file == "likes.json" else "bookmarks"
            yield Item(MARK, number, kind, msgspec.json.encode({"status": one[:2_000]}))


def _posted(found: Post | Refusal) -> Item | Refusal:
    return found if isinstance(found, Refusal) else Item(POST, found.at, "post", msgspec.json.encode(found))


def _nouns(found: Iterator[Any], noun: str, file: str) -> Iterator[Item | Refusal]:
    for number, one in enumerate(found, 1):
        if isinstance(one, dict):
            rank = PROFILE if noun == "profile" else MARK if noun in AFTER_POSTS else ROW
            yield Item(rank, number, noun, msgspec.json.encode(one))
        else:
            yield one if isinstance(one, Refusal) else Refusal(f"{file}, line {number}", "is not of the expected form")


def _rows(chunks: Iterator[bytes], kind: str, file: str, bounds: Bounds) -> Iterator[Item | Refusal]:
    for number, one in enumerate(csvs.rows(chunks, kind, file, bounds), 1):
        noun = {"following": "follows", "lists": "list_members"}.get(kind, kind)
        yield one if isinstance(one, Refusal) else Item(ROW, number, noun, msgspec.json.encode(one))


# -- the files of an archive ------------------------------------------------------------------------------------------


def _entries(file: Source, bounds: Bounds) -> Iterator[_Entry]:
    """All files of a zip or tar archive, each under a name that is only a name."""
    if unzipping.is_zip(file):
        for found in unzipping.entries(file, bounds):
            name, why = _named(found.name, bounds)
            yield _Entry(name, found.place.size, _opener(file, found.place), found.place, found.why or why)
    elif untarring.is_tar(file):
        for one in untarring.entries(file, bounds):
            name, why = _named(one.name, bounds)
            yield _Entry(name, one.size, lambda one=one: one.chunks, None, one.why or why)  # type: ignore[misc]
    else:
        raise damaged("is neither a zip nor a tar archive")


def _opener(file: Source, place: Place) -> Callable[[], Iterator[bytes]]:
    return lambda: unzipping.read(file, place)


def _named(raw: bytes, bounds: Bounds) -> tuple[str, str]:
    """A name within the archive, and why it cannot be taken. It never names a file of this machine."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw[:100].decode("utf-8", "replace"), "has a name that is not UTF-8"
    name = name.removeprefix("./")
    if len(name) > bounds.name_chars or not name.isprintable():
        return "".join(one if one.isprintable() else "·" for one in name[:100]), "has an impossible name"
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        return name[:100], "has a name that leads out of the archive"
    return name, ""


def _whole(entry: _Entry, most: int) -> bytes:
    """A small file; '' for one that is not."""
    data = b""
    if entry.size <= most:
        for chunk in entry.open():
            data += chunk
    return data


def _plain(file: Source) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(64 << 10):
        yield piece
