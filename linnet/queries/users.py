"""The local half of accounts, as their owners, the moderators and the operator see it."""

from linnet.domain.access import InviteView, PendingUser, User
from linnet.domain.errors import NotFound
from linnet.domain.secrets import fingerprint
from linnet.storage import access, settings
from linnet.storage.database import Database, Reader, surely


async def one(database: Database, account_id: int) -> User:
    """Raises NotFound."""

    async def read(tx: Reader) -> User:
        known = await access.user(tx, account_id)
        if known is None:
            raise NotFound
        return known.user

    return await database.read(read)


async def called(database: Database, name: str) -> User | None:
    """By username or by e-mail address."""

    async def read(tx: Reader) -> User | None:
        known = await access.user_called(tx, name)
        return known.user if known else None

    return await database.read(read)


async def waiting_email(database: Database, account_id: int) -> str | None:
    """The new address that the account has asked for and not confirmed yet."""

    async def read(tx: Reader) -> str | None:
        row = await tx.one(access.SQL.waiting_email, account_id=account_id, now=tx.now)
        return str(row[0]) if row else None

    return await database.read(read)


async def link_is_good(database: Database, token: str, *kinds: str) -> bool:
    """Whether a link of one of these kinds (``confirm``, ``email``, ``reset``) would still work."""
    mark = fingerprint(token)

    async def read(tx: Reader) -> bool | None:
        rows = [await tx.one(access.SQL.email_token, hash=mark, kind=kind) for kind in kinds]
        return any(row is not None and row[2] > tx.now for row in rows) or None

    # What a standby does not know may have been sent a moment ago.
    return bool(token and await surely(database, read))


async def pending(database: Database, limit: int = 100) -> tuple[PendingUser, ...]:
    """Who waits for a moderator, the longest first."""

    async def read(tx: Reader) -> tuple[PendingUser, ...]:
        return tuple(PendingUser(*row) for row in await tx.all(access.SQL.pending, limit=limit))

    return await database.read(read)


async def invites(database: Database, limit: int = 200) -> tuple[InviteView, ...]:
    """The newest first, used up and expired ones too."""

    async def read(tx: Reader) -> tuple[InviteView, ...]:
        return tuple(InviteView(*row) for row in await tx.all(access.SQL.invites, limit=limit))

    return await database.read(read)


async def good_invite(database: Database, code: str) -> InviteView | None:
    """The invite, where somebody could still sign up with it."""

    async def read(tx: Reader) -> InviteView | None:
        row = await tx.one(access.SQL.invite, code=code)
        found = InviteView(*row) if row else None
        return found if found and found.good(tx.now) else None

    return await surely(database, read)


async def has_owner(database: Database) -> bool:
    """Whether anybody could look after this server yet."""

    async def read(tx: Reader) -> bool:
        return await tx.one(access.SQL.has_owner) is not None

    return await database.read(read)


async def owner_link_is_good(database: Database, token: str) -> bool:
    """Whether the page that creates the owner's account may be shown."""
    mark = fingerprint(token)

    async def read(tx: Reader) -> bool | None:
        return await settings.get(tx, "owner_link") == mark or None

    return bool(token and await surely(database, read))
