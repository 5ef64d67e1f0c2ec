"""How accounts stand to each other: relationships, followers, blocks, mutes, requests."""

from collections.abc import Iterable
from typing import NamedTuple

from linnet.domain.paging import Page
from linnet.domain.views import AccountRow, Relationship
from linnet.queries.accounts import Accounts, in_order, listed
from linnet.storage import accounts, relations
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Statement

SQL = relations.SQL

FAMILIAR = 40


async def relationships(
    database: Database, reader: int, ids: Iterable[int], *, with_suspended: bool = False
) -> tuple[Relationship, ...]:
    """How ``reader`` stands to each account, in the order of ``ids``; those that are not there are left out."""
    wanted = tuple(dict.fromkeys(ids))

    async def read(tx: Reader) -> tuple[Relationship, ...]:
        found = await relations.relationships(tx, reader, wanted, with_suspended=with_suspended)
        return tuple(found[id] for id in wanted if id in found)

    return await database.read(read)


async def followers(database: Database, account_id: int, reader: int, page: Page) -> Accounts:
    """Who follows the account, the latest first; empty where it hides them from ``reader``."""
    return await _connections(database, SQL.followers, account_id, reader, page)


async def following(database: Database, account_id: int, reader: int, page: Page) -> Accounts:
    """Whom the account follows, the latest first; empty where it hides them from ``reader``."""
    return await _connections(database, SQL.following, account_id, reader, page)


async def _connections(database: Database, statement: Statement, account_id: int, reader: int, page: Page) -> Accounts:
    async def read(tx: Reader) -> Accounts:
        if await tx.one(SQL.list_access, account_id=account_id, reader=reader) is None:
            return Accounts(())
        return await listed(tx, await tx.page(statement, page, account_id=account_id, reader=reader, now=tx.now))

    return await database.read(read)


async def endorsements(database: Database, account_id: int, reader: int, page: Page) -> Accounts:
    """Whom the account endorses, the latest first."""

    async def read(tx: Reader) -> Accounts:
        found = await tx.page(SQL.endorsements, page, account_id=account_id, reader=reader, now=tx.now)
        return await listed(tx, found)

    return await database.read(read)


async def blocks(database: Database, reader: int, page: Page) -> Accounts:
    """Whom ``reader`` blocks, the latest first."""
    return await database.read(lambda tx: _own(tx, SQL.blocks, reader, page))


async def requests(database: Database, reader: int, page: Page) -> Accounts:
    """Who asks to follow ``reader``, the latest first."""
    return await database.read(lambda tx: _own(tx, SQL.requests, reader, page))


async def _own(tx: Reader, statement: Statement, reader: int, page: Page) -> Accounts:
    return await listed(tx, await tx.page(statement, page, reader=reader))


class Muted(NamedTuple):
    """A page of muted accounts; ``ends`` says when, in ms since 1970, for those whose mute has an end."""

    page: Accounts
    ends: dict[int, int]


async def mutes(database: Database, reader: int, page: Page) -> Muted:
    """Whom ``reader`` mutes, the latest first."""

    async def read(tx: Reader) -> Muted:
        found = await tx.page(SQL.mutes, page, reader=reader, now=tx.now)
        return Muted(await listed(tx, found), {row[0]: row[2] for row in found if row[2] is not None})

    return await database.read(read)


async def familiar(database: Database, reader: int, ids: Iterable[int]) -> dict[int, tuple[AccountRow, ...]]:
    """Those whom ``reader`` follows who follow each account; nobody for one that hides its followers."""
    wanted = tuple(dict.fromkeys(ids))

    async def read(tx: Reader) -> dict[int, tuple[AccountRow, ...]]:
        open_ = {row.id for row in (await accounts.rows(tx, wanted)).values() if not row.hide_collections}
        return {id: await _familiar(tx, reader, id) if id in open_ else () for id in wanted}

    return await database.read(read)


async def _familiar(tx: Reader, reader: int, account_id: int) -> tuple[AccountRow, ...]:
    found = await tx.all(SQL.familiar, reader=reader, account_id=account_id, limit=FAMILIAR)
    return await in_order(tx, [row[0] for row in found])
