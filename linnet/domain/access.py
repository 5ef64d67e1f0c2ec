"""What is known of users, their sessions, apps and invites: what queries hand to pages. Times in ms since 1970."""

import msgspec

from linnet.domain.errors import NotAllowed
from linnet.domain.times import DAY_MS
from linnet.domain.views import Identity

SESSION_MS = 90 * DAY_MS
"""The longest that a browser stays signed in."""
SESSION_IDLE_MS = 30 * DAY_MS
TOUCH_MS = 3_600_000
"""How old a session's last use may be on paper: each request would be a write otherwise."""

USED_MS = DAY_MS
"""The same of a token."""


class User(msgspec.Struct, frozen=True):
    """The local half of an account, as its owner and the moderators see it."""

    account_id: int
    username: str
    email: str
    role: str
    confirmed_at: int | None
    approved_at: int | None
    suspended_at: int | None
    reason: str
    locale: str
    created_at: int
    signed_in_at: int | None
    two_factor: bool

    @property
    def barred(self) -> str:
        """Why this user may not act now, in words; '' if they may."""
        return why_barred(self.suspended_at, self.confirmed_at, self.approved_at)


def why_barred(suspended_at: int | None, confirmed_at: int | None, approved_at: int | None) -> str:
    """In the client API's words; '' for a user in good standing."""
    if suspended_at is not None:
        return "Your login is currently disabled"
    if confirmed_at is None:
        return "Your login is missing a confirmed e-mail address"
    if approved_at is None:
        return "Your login is currently pending approval"
    return ""


class Visit(msgspec.Struct, frozen=True):
    """A browser's request with a good session: who it is, and what its forms must send back.

    ``barred`` says why the user may not act now (see ``User.barred``); ``stale`` asks for ``sessions.touch``.
    """

    identity: Identity
    session_id: int
    form_key: str
    barred: str
    stale: bool

    def check(self) -> None:
        """Raises NotAllowed where the user may not act now."""
        if self.barred:
            raise NotAllowed(self.barred)


class SessionView(msgspec.Struct, frozen=True):
    """A browser that is signed in. ``client`` is its address at its last use."""

    id: int
    created_at: int
    used_at: int
    client: str
    user_agent: str
    current: bool


class AppView(msgspec.Struct, frozen=True):
    """A registered app."""

    id: int
    client_id: str
    name: str
    website: str | None
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]


class AuthorisedApp(msgspec.Struct, frozen=True):
    """An app that may act for an account. ``used_at`` is right to a day."""

    id: int
    name: str
    website: str | None
    scopes: tuple[str, ...]
    created_at: int
    used_at: int


class InviteView(msgspec.Struct, frozen=True):
    """``max_uses`` and ``expires_at`` are None where there is no such bound; ``created_by`` None for the operator."""

    code: str
    created_by: int | None
    username: str | None
    uses: int
    max_uses: int | None
    expires_at: int | None
    created_at: int

    def good(self, now: int) -> bool:
        within = self.max_uses is None or self.uses < self.max_uses
        return within and (self.expires_at is None or self.expires_at > now)


class PendingUser(msgspec.Struct, frozen=True):
    """Somebody who waits for a moderator."""

    account_id: int
    username: str
    email: str
    reason: str
    created_at: int
    locale: str
