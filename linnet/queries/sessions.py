"""Who a browser's session stands for, and the sessions of an account."""

import contextlib

from linnet.domain.access import SESSION_IDLE_MS, SESSION_MS, TOUCH_MS, SessionView, Visit, why_barred
from linnet.domain.errors import Unavailable
from linnet.domain.secrets import fingerprint, form_key
from linnet.domain.views import Identity
from linnet.storage import access
from linnet.storage.database import Database, Reader, decided

SCOPES = ("read", "write", "follow", "push")


async def visit(database: Database, secret: str) -> Visit | None:
    """Of the cookie's value; None where the session is unknown, has ended, or is too old. ``Visit.stale`` asks for
    ``actions.sessions.touch``."""
    key = fingerprint(secret)

    async def read(tx: Reader) -> Visit | None:
        row = await tx.one(access.SQL.session, hash=key)
        if row is None:
            return None
        account_id, username, role, session_id, created_at, used_at, suspended, confirmed, approved, filters = row
        if created_at + SESSION_MS <= tx.now or used_at + SESSION_IDLE_MS <= tx.now:
            return None
        who = Identity(account_id, username, role, 0, None, None, SCOPES, key, filters)
        barred = why_barred(suspended, confirmed, approved)
        return Visit(who, session_id, form_key(secret), barred, stale=used_at + TOUCH_MS <= tx.now)

    found = await database.read(read)
    if found is None and database.has_standbys:
        # A standby may not know yet who has just signed in. Where no primary can tell, they look as strangers do.
        with contextlib.suppress(Unavailable):
            return await decided(database, read)
    return found


async def all(database: Database, account_id: int, current: int = 0) -> tuple[SessionView, ...]:
    """The account's browsers that are still signed in, the last used first; ``current`` is this one's session id."""

    async def read(tx: Reader) -> tuple[SessionView, ...]:
        rows = await tx.all(
            access.SQL.sessions, account_id=account_id, born_after=tx.now - SESSION_MS,
            used_after=tx.now - SESSION_IDLE_MS,
        )  # fmt: skip
        return tuple(SessionView(*(*row[:5], row[0] == current)) for row in rows)

    return await database.read(read)
