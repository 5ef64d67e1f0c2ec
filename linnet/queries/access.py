"""Who asks: what a token stands for."""

from linnet.domain.access import USED_MS, why_barred
from linnet.domain.errors import NotAllowed, Unauthenticated
from linnet.domain.secrets import fingerprint
from linnet.domain.views import NOBODY, Defaults, Identity
from linnet.storage import access
from linnet.storage.database import Database, Reader, decided

ANONYMOUS = Identity(NOBODY, "", "", 0, None, None, (), "")


async def by_token(database: Database, token: str, *, even_barred: bool = False) -> Identity:
    """Raises Unauthenticated for an unknown (or revoked) token, NotAllowed for an account that may not act now.

    ``even_barred`` lets in whoever waits for a confirmation or a moderator, or is suspended. Where no primary can tell
    it raises Unavailable: apps forget a token that is refused, and a standby may only not know it yet.
    """
    return await by_key(database, fingerprint(token), even_barred=even_barred)


async def by_key(database: Database, key: str, *, even_barred: bool = False) -> Identity:
    """The same for whoever has shown the token before: ``key`` is what is kept of it (``Identity.key``)."""

    async def read(tx: Reader) -> Identity:
        row = await tx.one(access.SQL.token, hash=key)
        if row is None:
            raise Unauthenticated("The access token is invalid")
        account_id, username, role, app_id, app_name, app_website, scopes = row[:7]
        *state, filters, used_at = row[7:12]
        if account_id != NOBODY:
            # Without a user's row there is no user (any more): the columns of the outer join are null then.
            barred = why_barred(*state)
            if barred and not (even_barred and role is not None):
                raise NotAllowed(barred)
        return Identity(
            account_id, username or "", role or "", app_id, app_name, app_website, tuple(scopes.split()), key, filters,
            stale=used_at + USED_MS <= tx.now, defaults=Defaults.of(row[12:]),
        )  # fmt: skip

    try:
        return await database.read(read)
    except (Unauthenticated, NotAllowed):
        if not database.has_standbys:
            raise
        return await decided(database, read)
