"""Accounts as anybody may see them, found by id, name, words or in the directory."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from linnet.domain import text as words
from linnet.domain import usernames
from linnet.domain.errors import NotFound
from linnet.domain.quotes import Policy
from linnet.domain.site import Site
from linnet.domain.views import AccountRow, Profile
from linnet.storage import accounts
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row

SCAN = 500
"""How many matches of a search are ranked."""
LAST = "\U0010ffff"


class Accounts(NamedTuple):
    """A page of accounts; ``cursors`` are of the last and the first."""

    rows: tuple[AccountRow, ...]
    cursors: tuple[int, int] | None = None


async def listed(tx: Reader, found: Sequence[Row]) -> Accounts:
    """Of rows that begin with an account's id and what the page goes by."""
    rows = await in_order(tx, [row[0] for row in found])
    return Accounts(rows, (found[-1][1], found[0][1]) if found else None)


async def in_order(tx: Reader, ids: Sequence[int]) -> tuple[AccountRow, ...]:
    rows = await accounts.rows(tx, ids) if ids else {}
    return tuple(rows[id] for id in ids if id in rows)


async def profiles(database: Database, ids: Iterable[int]) -> dict[int, Profile]:
    """The texts and pictures of accounts."""
    wanted = list(ids)

    async def read(tx: Reader) -> dict[int, Profile]:
        return await accounts.profiles(tx, wanted)

    return await database.read(read)


async def rows(database: Database, ids: Iterable[int]) -> dict[int, AccountRow]:
    """The narrow rows of accounts, counts included."""
    wanted = list(ids)

    async def read(tx: Reader) -> dict[int, AccountRow]:
        return await accounts.rows(tx, wanted)

    return await database.read(read)


async def many(database: Database, ids: Iterable[int]) -> tuple[AccountRow, ...]:
    """In the order of ``ids``; those that nobody may know of (deleted, not let in yet) are left out."""
    wanted = tuple(dict.fromkeys(ids))

    async def read(tx: Reader) -> tuple[AccountRow, ...]:
        known = {row[0]: AccountRow(*row) for row in await tx.all(accounts.SQL.known, ids=wanted)}
        return tuple([known[id] for id in wanted if id in known])

    return await database.read(read)


async def one(database: Database, account_id: int) -> AccountRow:
    """Raises NotFound."""
    found = await many(database, (account_id,))
    if not found:
        raise NotFound
    return found[0]


async def lookup(database: Database, site: Site, address: str) -> AccountRow:
    """The account with this address: ``name``, ``@name`` or with our own domain. Raises NotFound."""
    name = local_name(site, address)

    async def read(tx: Reader) -> int | None:
        row = await tx.one(accounts.SQL.id_by_name, username_key=name, domain="")
        return None if row is None else int(row[0])

    found = await database.read(read) if name is not None else None
    if found is None:
        raise NotFound
    return await one(database, found)


def local_name(site: Site, address: str) -> str | None:
    """The key of one of our own names, or None where the address is no name or somebody else's."""
    name, _, domain = address.strip().removeprefix("@").partition("@")
    return usernames.key(name) if name and domain.lower() in ("", site.domain.lower()) else None


async def search(
    database: Database,
    site: Site,
    reader: int,
    query: str,
    limit: int = 40,
    offset: int = 0,
    *,
    following: bool = False,
) -> tuple[AccountRow, ...]:
    """Accounts whose names have all words of the query, the last as the beginning of a word; the nearest first.

    ``following`` keeps those that ``reader`` follows. An address of another server finds nothing yet.
    """
    name = local_name(site, query)
    terms = words.query_terms(query if name is None else name)
    if not terms or (name is None and "@" in query):
        return ()
    *others, last = terms
    # The longest word leads into the index: it has the fewest matches.
    longest = max(terms, key=len)
    low, high = (last, last + LAST) if longest == last else (longest, longest + "\x01")

    async def read(tx: Reader) -> tuple[AccountRow, ...]:
        found = await tx.all(
            accounts.SQL.search,
            low=low,
            high=high,
            last_low=last,
            last_high=last + LAST,
            others=others,
            count=len(others),
            scan=SCAN,
            reader=reader,
            following=int(following),
            name=name or "",
            limit=limit,
            offset=offset,
        )
        return await in_order(tx, [row[0] for row in found])

    return await database.read(read)


async def directory(
    database: Database, reader: int, *, newest: bool, local: bool, limit: int, offset: int
) -> tuple[AccountRow, ...]:
    """Who wants to be found: by their latest status, or the ``newest`` first."""
    statement = accounts.SQL.directory_new if newest else accounts.SQL.directory_active

    async def read(tx: Reader) -> tuple[AccountRow, ...]:
        found = await tx.all(statement, reader=reader, now=tx.now, local=int(local), limit=limit, offset=offset)
        return await in_order(tx, [row[0] for row in found])

    return await database.read(read)


class Credentials(NamedTuple):
    """An account as its owner sees it: what it shows, and what it has chosen."""

    row: AccountRow
    profile: Profile
    role: str
    visibility: str
    sensitive: int
    language: str | None
    locale: str
    expand_media: str
    expand_spoilers: int
    follow_requests: int
    quote_policy: int = Policy.PUBLIC
    content_type: str = "text/plain"


async def credentials(database: Database, account_id: int) -> Credentials:
    """Raises NotFound."""

    async def read(tx: Reader) -> Credentials:
        chosen = await tx.one(accounts.SQL.credentials, account_id=account_id)
        row = (await accounts.rows(tx, (account_id,))).get(account_id)
        profile = (await accounts.profiles(tx, (account_id,))).get(account_id)
        if chosen is None or row is None or profile is None:
            raise NotFound
        return Credentials(row, profile, *chosen)

    return await database.read(read)
