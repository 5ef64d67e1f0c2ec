"""What queries return: plain values, read in one snapshot, that both the client API and the pages are rendered from.

The fields stand in the order of the columns of the statement that fills them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from linnet.domain.cards import CardView
from linnet.domain.polls import PollView
from linnet.domain.quotes import Policy
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility

NOBODY = 0
"""The reader who is not signed in: no row names this account, so every relation to it is empty."""


class AccountRow(msgspec.Struct, frozen=True, gc=False):
    """An account's narrow row: what changes often. Times in ms since 1970."""

    id: int
    username: str
    domain: str
    version: int
    bot: int
    locked: int
    discoverable: int
    indexable: int
    hide_collections: int
    suspended_at: int | None
    silenced_at: int | None
    followers: int
    following: int
    statuses: int
    last_status_at: int | None

    @property
    def acct(self) -> str:
        """``name`` for our own, ``name@domain`` for others."""
        return f"{self.username}@{self.domain}" if self.domain else self.username


class Field(msgspec.Struct, frozen=True, gc=False):
    """One line of a profile's table, as its owner wrote it."""

    name: str
    value: str
    verified_at: int | None = None


class Profile(msgspec.Struct, frozen=True, gc=False):
    """An account's texts and pictures. ``…_key`` are blob keys; ``version`` and the flags are the account's."""

    id: int
    version: int
    username: str
    domain: str
    bot: int
    locked: int
    discoverable: int
    indexable: int
    hide_collections: int
    suspended_at: int | None
    silenced_at: int | None
    display_name: str
    note: str
    note_html: str
    fields: tuple[Field, ...]
    avatar_key: str | None
    avatar_static_key: str | None
    header_key: str | None
    header_static_key: str | None
    avatar_description: str
    header_description: str
    role: str | None
    attribution_domains: tuple[str, ...] = ()
    show_media: int = 1
    show_media_replies: int = 1
    show_featured: int = 1

    @property
    def acct(self) -> str:
        return f"{self.username}@{self.domain}" if self.domain else self.username

    @property
    def name(self) -> str:
        """What to call it: its display name, or else its username."""
        return self.display_name or self.username


_NULL = msgspec.Raw(b"null")


class More(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What few statuses have, of a status's row."""

    poll: msgspec.Raw = _NULL
    quotes: int = 0
    quote_policy: int = 2
    quote_of_id: int | None = None
    quote_state: int = 0
    reactions: msgspec.Raw = _NULL
    reacted: str = ""


_NOTHING_MORE = More()
_more = msgspec.json.Decoder(More).decode


def _text(found: msgspec.Raw) -> str | None:
    return None if found == _NULL else bytes(found).decode()


class StatusRow(NamedTuple):
    """A status's narrow row with its author's counts and what the reader has done to it: all that is not cached.

    Together they decide what is rendered, so that the row itself can name the result: nothing stands here that does
    not show. ``done`` are the bits below.
    """

    id: int
    version: int
    account_id: int
    author_version: int
    author_followers: int
    author_following: int
    author_statuses: int
    author_last_status_at: int | None
    replies: int
    reblogs: int
    favourites: int
    done: int
    visibility: int
    reblog_of_id: int | None
    in_reply_to_id: int | None
    in_reply_to_account_id: int | None
    language: str | None
    more: str | None = None
    """``More`` as JSON; None for most statuses, of which it would say nothing: one column to read, hash and compare."""

    @property
    def favourited(self) -> bool:
        return bool(self.done & 1)

    @property
    def reblogged(self) -> bool:
        return bool(self.done & 2)

    @property
    def bookmarked(self) -> bool:
        return bool(self.done & 4)

    @property
    def muted(self) -> bool:
        """Whether its conversation is."""
        return bool(self.done & 8)

    @property
    def pinned(self) -> bool:
        return bool(self.done & 16)

    @property
    def own(self) -> bool:
        return bool(self.done & 32)

    @property
    def follows(self) -> bool:
        """Whether the reader follows the author; known only where ``quote_policy`` asks for it."""
        return bool(self.done & 64)

    @property
    def poll(self) -> str | None:
        """The poll's state as JSON (``domain/polls.py: state``); None for a status that has no poll."""
        return _text(self._more.poll)

    @property
    def quotes(self) -> int:
        return self._more.quotes

    @property
    def quote_policy(self) -> int:
        return self._more.quote_policy

    @property
    def quote_of_id(self) -> int | None:
        return self._more.quote_of_id

    @property
    def quote_state(self) -> int:
        """``domain/quotes.py: State``; 0 for a status that quotes nothing."""
        return self._more.quote_state

    @property
    def reactions(self) -> str | None:
        """How many have answered with which emoji (``domain/reactions.py: counts``); None where nobody has."""
        return _text(self._more.reactions)

    @property
    def reacted(self) -> str:
        """The emojis that the reader has answered with, with spaces between them."""
        return self._more.reacted

    @property
    def _more(self) -> More:
        return _NOTHING_MORE if self.more is None else _more(self.more)


class MentionView(msgspec.Struct, frozen=True, gc=False):
    """An account that a status names."""

    id: int
    username: str
    domain: str = ""

    @property
    def acct(self) -> str:
        return f"{self.username}@{self.domain}" if self.domain else self.username


class MediaView(msgspec.Struct, frozen=True, gc=False):
    """A media attachment. ``meta`` is the client API's: ``original``, ``small`` and ``focus``."""

    id: int
    type: str
    file_key: str
    preview_key: str
    description: str | None
    blurhash: str | None
    meta: dict[str, Any]


class EmojiView(msgspec.Struct, frozen=True, gc=False):
    """A custom emoji."""

    shortcode: str
    file_key: str
    static_key: str
    category: str | None
    visible_in_picker: int


class StatusContent(msgspec.Struct, frozen=True, gc=False):
    """A status's words and pictures: all that only changes with its version."""

    id: int
    version: int
    account_id: int
    text: str
    spoiler: str
    html: str
    sensitive: int
    mentions: tuple[MentionView, ...]
    tags: tuple[str, ...]
    media: tuple[MediaView, ...]
    app_name: str | None
    app_website: str | None
    edited_at: int | None
    username: str
    """The author's, of which the status's addresses are made."""
    poll: PollView | None = None
    card: CardView | None = None
    content_type: str = "text/plain"
    local_only: int = 0


class StatusView(msgspec.Struct, frozen=True, gc=False):
    """A whole status for a page: its row, its words, its author, and the status that it reblogs."""

    row: StatusRow
    content: StatusContent
    author: Profile
    reblog: "StatusView | None" = None

    @property
    def visibility(self) -> Visibility:
        return Visibility(self.row.visibility)

    @property
    def shown(self) -> "StatusView":
        """The status whose words are shown: the reblogged one, or this."""
        return self.reblog or self


class ListView(msgspec.Struct, frozen=True, gc=False):
    """A list of accounts; ``replies_policy`` is one of ``domain/lists.REPLIES``."""

    id: int
    title: str
    replies_policy: str
    exclusive: int


class DraftView(msgspec.Struct, frozen=True, gc=False):
    """A status that is not posted yet; without ``scheduled_at`` (ms since 1970) it is a draft."""

    id: int
    account_id: int
    draft: Draft
    scheduled_at: int | None
    updated_at: int
    media: tuple[MediaView, ...]


class TagView(msgspec.Struct, frozen=True, gc=False):
    """A hashtag. ``history`` has, for each of the last days, its start in s since 1970, uses, and accounts.

    ``following`` and ``featuring`` are the reader's.
    """

    key: str
    name: str
    history: tuple[tuple[int, int, int], ...] = ()
    following: int = 0
    featuring: int = 0


class FeaturedTagView(msgspec.Struct, frozen=True, gc=False):
    """A hashtag on an account's profile. ``statuses`` counts the account's public and unlisted ones with it."""

    id: int
    key: str
    name: str
    statuses: int
    last_status_at: int | None


class NotificationRow(msgspec.Struct, frozen=True, gc=False):
    """``status_id`` is 0 where the notification is about no status."""

    id: int
    type: str
    from_account_id: int
    status_id: int
    group_key: str = ""


class NotificationGroup(msgspec.Struct, frozen=True, gc=False):
    """Notifications that are shown together. ``newest`` to ``oldest`` are the ids of those on the page.

    ``senders`` are the latest ones.
    """

    key: str
    type: str
    status_id: int
    count: int
    newest: int
    oldest: int
    senders: tuple[int, ...]


class MarkerView(msgspec.Struct, frozen=True, gc=False):
    """How far a timeline (``home``, ``notifications``) was read. ``version`` counts the times that it was set."""

    timeline: str
    last_read_id: int
    version: int
    updated_at: int


class Text(msgspec.Struct, frozen=True, gc=False):
    """What the operator has written about the instance, as it was written and as HTML."""

    source: str
    html: str
    updated_at: int


class Relationship(msgspec.Struct, frozen=True, gc=False):
    """How the reader stands to another account."""

    id: int
    following: int
    showing_reblogs: int
    notifying: int
    languages: tuple[str, ...] | None
    followed_by: int
    blocking: int
    blocked_by: int
    muting: int
    muting_notifications: int
    muting_expires_at: int | None
    requested: int
    requested_by: int
    note: str
    endorsed: int = 0
    domain_blocking: int = 0


class Defaults(NamedTuple):
    """What a status is where its author says nothing else."""

    visibility: Visibility = Visibility.PUBLIC
    sensitive: bool = False
    language: str | None = None
    quote_policy: Policy = Policy.PUBLIC
    content_type: str = "text/plain"

    @classmethod
    def of(cls, columns: Sequence[Any]) -> "Defaults":
        """The columns of the fragment ``defaults``; they are null where there is no user."""
        visibility, sensitive, language, policy, content_type = columns
        if policy is None:
            return cls()
        return cls(
            Visibility.parse(visibility) or cls().visibility, bool(sensitive), language, Policy(policy), content_type
        )


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who asks, through which app, with which scopes: what a token or a session stands for.

    ``account_id`` is NOBODY for an app's own token.
    """

    account_id: int
    username: str
    role: str
    app_id: int
    app_name: str | None
    app_website: str | None
    scopes: tuple[str, ...]
    key: str
    """Names the token or session in receipts and rate limits; a hash, never the secret."""
    filters: int = 0
    """The version of the account's filters; 0 says that it has none."""
    stale: bool = False
    """Whether the token's use was not written down for a day: ``tokens.mark_used`` does."""
    defaults: Defaults = Defaults()
    """The author's, where it is a token."""

    @property
    def signed_in(self) -> bool:
        return self.account_id != NOBODY
