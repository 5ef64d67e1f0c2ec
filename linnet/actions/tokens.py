"""Access tokens that the operator makes: for bots, scripts and the tests of a new server."""

from collections.abc import Sequence

from linnet.domain import scopes as rules
from linnet.domain import secrets
from linnet.domain.access import USED_MS
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.oauth import OUT_OF_BAND
from linnet.domain.secrets import fingerprint
from linnet.ports import Chance
from linnet.storage import access
from linnet.storage.database import Database, Writer

CLIENT_ID = "linnet-command-line"
"""The app under which posts of such tokens are shown. It has no secret that anybody knows: it can only be used here."""


async def mark_used(database: Database, keys: Sequence[str]) -> None:
    """Remembers that these tokens (their hashes) are in use; asked for by ``Identity.stale``, about once a day."""

    async def write(tx: Writer) -> None:
        await tx.run(access.SQL.use_tokens, hashes=keys, now=tx.now, before=tx.now - USED_MS)

    await database.write(write)


async def create(database: Database, chance: Chance, name: str, scopes: tuple[str, ...]) -> str:
    """A token of the account called ``name``. Raises Invalid (a scope that does not exist) or NotFound."""
    unknown = [scope for scope in scopes if scope not in rules.KNOWN]
    if unknown or not scopes:
        raise Invalid("scopes", f"has {unknown[0]!r}, which is no scope" if unknown else "is empty")
    token = secrets.as_text(chance.secret(32))
    app_secret = fingerprint(secrets.as_text(chance.secret(32)))

    async def write(tx: Writer) -> str:
        known = await access.user_called(tx, name)
        if known is None:
            raise NotFound(f"There is no account called {name}")
        app = await access.app(tx, CLIENT_ID)
        app_id = app.view.id if app else tx.ids.next()
        if app is None:
            await tx.run(
                access.SQL.insert_app, id=app_id, client_id=CLIENT_ID, secret_hash=app_secret, name="Linnet",
                website=None, redirect_uris=OUT_OF_BAND, scopes=" ".join(rules.WIDE), now=tx.now,
            )  # fmt: skip
        await tx.run(
            access.SQL.insert_token, hash=fingerprint(token), id=tx.ids.next(), app_id=app_id,
            account_id=known.user.account_id, scopes=" ".join(dict.fromkeys(scopes)), now=tx.now,
        )  # fmt: skip
        return token

    return await database.write(write)
