"""The first start: a link, good once, to the page that creates the owner's account."""

from dataclasses import replace

from linnet.actions import sign_up
from linnet.actions.sign_up import NewUser
from linnet.domain import passwords, secrets
from linnet.domain.errors import Conflict, NotAllowed
from linnet.ports import Guards
from linnet.storage import access, settings
from linnet.storage.database import Database, Operation, Reader, Writer, surely

PATH = "/setup"
KEY = "owner_link"
"""The setting that holds the latest link's hash."""


async def owner_link(database: Database, guards: Guards) -> str | None:
    """The token of a new link (``{origin}/setup?token=…``); None where there is an owner or an admin already.

    Earlier links end: only the latest start's is good.
    """
    token = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> bool:
        if await tx.one(access.SQL.has_owner) is not None:
            return False
        await settings.put(tx, KEY, secrets.fingerprint(token))
        return True

    return token if await database.write(write) else None


async def create_owner(
    database: Database, guards: Guards, token: str, username: str, email: str, password: str, operation: Operation
) -> int:
    """The owner's account; its id. Raises NotAllowed for a link that is none (any more), Invalid, or Conflict."""
    passwords.check(password, username, email)
    new, mark = NewUser(username, email, role="owner"), secrets.fingerprint(token)

    async def good(tx: Reader) -> bool | None:
        return await settings.get(tx, KEY) == mark or None

    # Asked first: a hash is dear, and whoever guesses links must not have one made for each.
    if not await surely(database, good):
        raise _used()
    password_hash = await guards.passwords.hash(password)

    async def write(tx: Writer) -> int:
        if not await tx.run(access.SQL.use_owner_link, value=mark):
            raise _used()
        if await tx.one(access.SQL.has_owner) is not None:
            raise Conflict("This server has an owner already")
        return await sign_up.insert(tx, replace(new, password_hash=password_hash))

    return await database.write(write, operation, returns=int)


def _used() -> NotAllowed:
    return NotAllowed("This link was used already, or a later start has made a new one")
