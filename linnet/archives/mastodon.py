"""The form of Mastodon's archives: a post as an activity, an actor, and both ways between these and plain values."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from linnet.archives.bounds import Refusal
from linnet.archives.posts import Attached, Person, Poll, Post, milliseconds, word
from linnet.domain import text as words
from linnet.domain import times
from linnet.domain.visibility import Visibility

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_PUBLIC_NAMES = (PUBLIC, "as:Public", "Public")
CONTEXT: Sequence[Any] = (
    "https://www.w3.org/ns/activitystreams",
    {
        "sensitive": "as:sensitive", "toot": "http://joinmastodon.org/ns#", "votersCount": "toot:votersCount",
        "blurhash": "toot:blurhash", "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
        "featured": {"@id": "toot:featured", "@type": "@id"}, "discoverable": "toot:discoverable",
        "indexable": "toot:indexable", "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "schema": "http://schema.org#", "PropertyValue": "schema:PropertyValue", "value": "schema:value",
    },
)  # fmt: skip
TEXT_CHARS = 100_000
# No two attempts read the same part: else a text made for it would take minutes.
_ANCHOR = re.compile(r"<a\b[^<>]*>[^<]*(?:<(?!/?a\b)[^<]*)*</a>")
_HREF = re.compile(r'href="([^"]*)"')

# -- outwards ---------------------------------------------------------------------------------------------------------


def activity(post: Post, html: str, address: str, person: str, tags: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The ``Create`` of a post of ours. ``person`` is its author's address; ``html`` what its text is shown as."""
    followers = f"{person}/followers"
    named = [tag["href"] for tag in tags if tag["type"] == "Mention"]
    to, cc = {
        Visibility.PUBLIC: ([PUBLIC], [followers, *named]),
        Visibility.UNLISTED: ([followers], [PUBLIC, *named]),
        Visibility.PRIVATE: ([followers], named),
    }.get(Visibility(post.visibility), (named, []))
    when = times.iso(post.at)
    note: dict[str, Any] = {
        "id": address, "type": "Note", "summary": post.spoiler or None, "inReplyTo": post.parent, "published": when,
        "url": address, "attributedTo": person, "to": to, "cc": cc, "sensitive": post.sensitive,
        "content": html, "contentMap": {post.language: html} if post.language else None,
        "source": {"content": post.text, "mediaType": post.content_type or "text/plain"},
        "updated": times.iso(post.edited_at) if post.edited_at else None,
        "attachment": [_document(one) for one in post.media], "tag": list(tags),
    }  # fmt: skip
    if post.local_only:
        note["localOnly"] = True
    if post.poll is not None:
        note |= _question(post.poll)
    note = {key: value for key, value in note.items() if value is not None or key in ("summary", "inReplyTo")}
    return {
        "id": f"{address}/activity", "type": "Create", "actor": person, "published": when, "to": to, "cc": cc,
        "object": note,
    }  # fmt: skip


def announcement(address: str, person: str, at: int, of: str) -> dict[str, Any]:
    """A reblog."""
    return {
        "id": f"{address}/activity", "type": "Announce", "actor": person, "published": times.iso(at), "to": [PUBLIC],
        "cc": [f"{person}/followers"], "object": of,
    }  # fmt: skip


def _document(one: Attached) -> dict[str, Any]:
    kind = one.name.rpartition(".")[2]
    found = {
        "type": "Document", "mediaType": _MIMES.get(kind, "application/octet-stream"), "url": f"/{one.name}",
        "name": one.description or None,
    }  # fmt: skip
    return found if one.focus is None else {**found, "focalPoint": list(one.focus)}


_MIMES = {
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "mp4": "video/mp4", "webm": "video/webm", "mp3": "audio/mpeg", "ogg": "audio/ogg",
}  # fmt: skip


def _question(poll: Poll) -> dict[str, Any]:
    options = [
        {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": votes}}
        for name, votes in zip(poll.options, poll.votes, strict=False)
    ]
    end = times.iso(poll.expires_at) if poll.expires_at else None
    return {
        "type": "Question", "anyOf" if poll.multiple else "oneOf": options, "endTime": end, "votersCount": poll.voters
    }  # fmt: skip


def collection(name: str) -> tuple[bytes, bytes]:
    """What stands before and behind the items of ``outbox.json`` and the like."""
    head = f'{{"@context":"https://www.w3.org/ns/activitystreams","id":"{name}","type":"OrderedCollection"'
    return f'{head},"orderedItems":['.encode(), b"]}"


def actor(person: Person, address: str, username: str, note_html: str, published: int) -> dict[str, Any]:
    """``actor.json``."""
    flags = dict(person.flags)
    found: dict[str, Any] = {
        "@context": CONTEXT, "id": address, "type": "Service" if flags.get("bot") else "Person", "url": address,
        "preferredUsername": username, "name": person.display_name, "summary": note_html,
        "followers": f"{address}/followers", "manuallyApprovesFollowers": bool(flags.get("locked")),
        "discoverable": bool(flags.get("discoverable")), "indexable": bool(flags.get("indexable")),
        "published": times.iso(published), "likes": "likes.json", "bookmarks": "bookmarks.json",
        "outbox": "outbox.json", "attachment": [
            {"type": "PropertyValue", "name": name, "value": words.field_value_html(value)}
            for name, value in person.fields
        ],
    }  # fmt: skip
    for key, name in (("icon", person.avatar), ("image", person.header)):
        if name:
            found[key] = {"type": "Image", "mediaType": _MIMES.get(name.rpartition(".")[2]), "url": name}
    return found


# -- inwards ----------------------------------------------------------------------------------------------------------


def post_of(activity: Any, where: str, owner: str) -> Post | Refusal:
    """The post of one item of an outbox; ``owner`` is the id of the archive's actor, '' where it is not known."""
    if not isinstance(activity, Mapping):
        return Refusal(where, "is not an activity")
    if activity.get("type") == "Announce":
        return Refusal(where, BOOST)
    note = activity.get("object")
    if (
        activity.get("type") != "Create"
        or not isinstance(note, Mapping)
        or note.get("type") not in ("Note", "Question")
    ):
        return Refusal(where, "is no post")
    source, at = note.get("id"), milliseconds(note.get("published"))
    if not isinstance(source, str) or not 0 < len(source) <= 500:
        return Refusal(where, "has no id")
    if at is None:
        return Refusal(source, "has no date")
    at = _exactly(source, at)
    if owner and note.get("attributedTo", owner) != owner:
        return Refusal(source, "was written by somebody else")
    text, kind = _text(note)
    if len(text) > TEXT_CHARS:
        return Refusal(source, "is too long")
    followers = f"{owner}/followers" if owner else ""
    return Post(
        source=source, at=at, text=text, spoiler=word(note.get("summary")),
        visibility=_visibility(note, followers), sensitive=note.get("sensitive") is True, language=_language(note),
        parent=word(note.get("inReplyTo")) or None, media=_media(note), poll=_poll(note),
        edited_at=milliseconds(note.get("updated")), content_type=kind,
        local_only=note.get("localOnly") is True,
    )  # fmt: skip


def _exactly(source: str, at: int) -> int:
    """The millisecond, which Mastodon's ids have and its dates have not."""
    number = source.rpartition("/")[2]
    told = int(number) >> 16 if number.isascii() and number.isdigit() and len(number) < 20 else 0
    return told if at % 1000 == 0 and 0 <= told - at < 1000 else at


BOOST = "is a boost, which is not taken in"


def _text(note: Mapping[str, Any]) -> tuple[str, str]:
    """The words as their author wrote them, and their kind, where the archive has them; else its HTML as text."""
    source = note.get("source")
    if isinstance(source, Mapping) and isinstance(source.get("content"), str):
        kind = source.get("mediaType")
        if kind in ("text/plain", "text/markdown"):
            return source["content"], "" if kind == "text/plain" else kind
    return plain(word(note.get("content"), TEXT_CHARS + 1), _mentions(note)), ""


def plain(html: str, mentioned: Mapping[str, str]) -> str:
    """HTML as text. Whom it names is written with the server's name: @bob here may be somebody else."""

    def link(match: re.Match[str]) -> str:
        found = _HREF.search(match[0])
        name = mentioned.get(words.to_plain(found[1])) if found else None
        return name or match[0]

    cleaned = words.sanitize_html(html)
    return words.to_plain(_ANCHOR.sub(link, cleaned) if mentioned else cleaned)


def _mentions(note: Mapping[str, Any]) -> dict[str, str]:
    tags = note.get("tag")
    found = {}
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, Mapping) and tag.get("type") == "Mention":
            name, href = word(tag.get("name"), 300), word(tag.get("href"))
            if name and href and not set(name) & set("<>&"):
                found[href] = name if name.startswith("@") else f"@{name}"
    return found


def _names(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]


def _visibility(note: Mapping[str, Any], followers: str) -> int:
    to, cc = _names(note.get("to")), _names(note.get("cc"))
    if set(to) & set(_PUBLIC_NAMES):
        return Visibility.PUBLIC
    if set(cc) & set(_PUBLIC_NAMES):
        return Visibility.UNLISTED
    if any(name == followers if followers else str(name).endswith("/followers") for name in (*to, *cc)):
        return Visibility.PRIVATE
    return Visibility.DIRECT


def _language(note: Mapping[str, Any]) -> str | None:
    found = note.get("contentMap")
    if isinstance(found, Mapping) and len(found) == 1:
        code = word(next(iter(found)), 20)
        return code if re.fullmatch(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", code) else None
    return None


def _media(note: Mapping[str, Any]) -> tuple[Attached, ...]:
    found = note.get("attachment")
    return tuple(
        Attached(word(one.get("url")).lstrip("/"), word(one.get("name"), 10_000), _focus(one.get("focalPoint")))
        for one in (found if isinstance(found, list) else ())[:50]
        if isinstance(one, Mapping) and word(one.get("url"))
    )


def _focus(value: Any) -> tuple[float, float] | None:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, int | float) for one in value):
        x, y = (max(-1.0, min(1.0, float(one))) for one in value)
        return (x, y)
    return None


def _poll(note: Mapping[str, Any]) -> Poll | None:
    if note.get("type") != "Question":
        return None
    several = isinstance(note.get("anyOf"), list)
    rows = note.get("anyOf") if several else note.get("oneOf")
    options = [one for one in (rows if isinstance(rows, list) else ())[:50] if isinstance(one, Mapping)]
    names = tuple(word(one.get("name"), 300) for one in options)
    if len(names) < 2 or not all(names):
        return None
    ended = milliseconds(note.get("endTime")) or milliseconds(note.get("closed"))
    return Poll(names, tuple(_total(one) for one in options), several, ended, _number(note.get("votersCount")))


def _total(option: Mapping[str, Any]) -> int:
    replies = option.get("replies")
    return _number(replies.get("totalItems")) if isinstance(replies, Mapping) else 0


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def person_of(found: Any) -> Person | Refusal:
    """What ``actor.json`` says."""
    if not isinstance(found, Mapping):
        return Refusal("actor.json", "is not a person")
    rows = found.get("attachment")
    fields = tuple(
        (plain(word(one.get("name")), {}), plain(word(one.get("value")), {}))
        for one in (rows if isinstance(rows, list) else ())[:50]
        if isinstance(one, Mapping) and one.get("type") == "PropertyValue"
    )
    flags = {
        "locked": found.get("manuallyApprovesFollowers"), "discoverable": found.get("discoverable"),
        "indexable": found.get("indexable"), "bot": found.get("type") == "Service",
    }  # fmt: skip
    return Person(
        word(found.get("name")), plain(word(found.get("summary"), 50_000), {}), fields, _picture(found, "icon"),
        _picture(found, "image"), tuple((key, flag) for key, flag in flags.items() if isinstance(flag, bool)),
    )  # fmt: skip


def _picture(found: Mapping[str, Any], key: str) -> str:
    image = found.get(key)
    return word(image.get("url")).lstrip("/") if isinstance(image, Mapping) else ""
