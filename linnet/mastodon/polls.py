"""Polls as the client API's parameters and JSON: what has its status's version, and what changes with every vote."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from linnet.domain import polls as rules
from linnet.domain import text as words
from linnet.domain import times
from linnet.domain.errors import Invalid
from linnet.domain.polls import PollDraft, PollView
from linnet.domain.site import Site
from linnet.domain.views import NOBODY, EmojiView, StatusRow
from linnet.mastodon import accounts, parsing
from linnet.mastodon.parsing import Params

_encode = msgspec.json.Encoder().encode

OPTIONS_MAX = 100
"""So many are read; how many there may be is the instance's limit."""
_SECONDS_MAX = 10**12


class Frame(NamedTuple):
    """``head`` is a Poll's JSON without its closing brace and its counts; ``titles`` are JSON strings."""

    head: bytes
    titles: tuple[bytes, ...]
    hides_totals: bool


def draft(params: Params) -> PollDraft | None:
    """Of ``poll`` in a status's parameters, None where there is none. Raises Invalid."""
    given = params.get("poll")
    if not given:
        return None
    if not isinstance(given, Mapping):
        raise Invalid("poll", "must be an object")
    if given.get("expires_in") in (None, ""):
        raise Invalid("poll[expires_in]", "can't be blank", "ERR_BLANK")
    options = parsing.items(given, "options", OPTIONS_MAX)
    if not all(isinstance(option, str) for option in options):
        raise Invalid("poll[options]", "must be a list of texts")
    return PollDraft(
        tuple(options),
        parsing.number(given, "expires_in", 0, _SECONDS_MAX),
        multiple=parsing.flag(given, "multiple"),
        hide_totals=parsing.flag(given, "hide_totals"),
    )


def choices(params: Params) -> tuple[int, ...]:
    """Of POST /api/v1/polls/:id/votes: numbers of options, counted from 0. Raises Invalid."""
    found = []
    for item in parsing.items(params, "choices", OPTIONS_MAX):
        text = str(item) if isinstance(item, int | str) and not isinstance(item, bool) else ""
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Invalid("choices", "must be numbers of options")
        found.append(int(text))
    return tuple(found)


def frame(site: Site, status_id: int, poll: PollView, emojis: Mapping[str, EmojiView]) -> Frame:
    used = words.shortcodes("\n".join(poll.options))
    head = {
        "id": str(status_id),
        "expires_at": times.iso(poll.expires_at) if poll.expires_at else None,
        "multiple": bool(poll.multiple),
        "emojis": [accounts.emoji(site, emojis[code]) for code in used if code in emojis],
    }
    return Frame(_encode(head)[:-1], tuple(_encode(title) for title in poll.options), bool(poll.hide_totals))


def rendered(frame: Frame, row: StatusRow, reader: int) -> bytes:
    """A whole Poll as it stands in ``row``: hidden totals are shown when it is over."""
    if row.poll is None:
        return b"null"
    state = rules.state(row.poll)
    hidden = frame.hides_totals and not state.expired
    options = b",".join(
        b'{"title":%b,"votes_count":%b}' % (title, b"null" if hidden else b"%d" % votes)
        for title, votes in zip(frame.titles, state.counts, strict=False)
    )
    body = b'%b,"expired":%b,"votes_count":%d,"voters_count":%d,"options":[%b]' % (
        frame.head,
        b"true" if state.expired else b"false",
        sum(state.counts),
        state.voters,
        options,
    )
    if reader == NOBODY:
        return body + b"}"
    voted = b"true" if row.own or state.chosen is not None else b"false"
    return body + b',"voted":%b,"own_votes":%b}' % (voted, _encode(state.chosen or ()))
