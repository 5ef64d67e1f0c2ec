"""Accounts and profiles as rows."""

from collections.abc import Iterable

import msgspec

from linnet.domain import text as words
from linnet.domain.views import AccountRow, Field, Profile
from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("accounts")

_fields = msgspec.json.Decoder(tuple[Field, ...])
_domains = msgspec.json.Decoder(tuple[str, ...])


async def rows(tx: Reader, ids: Iterable[int]) -> dict[int, AccountRow]:
    return {row[0]: AccountRow(*row) for row in await tx.all(SQL.rows, ids=list(ids))}


async def profiles(tx: Reader, ids: Iterable[int]) -> dict[int, Profile]:
    found = await tx.all(SQL.profiles, ids=list(ids))
    return {
        row[0]: Profile(*[*row[:14], _fields.decode(row[14]), *row[15:22], _domains.decode(row[22]), *row[23:]])
        for row in found
    }


async def file_terms(tx: Writer, account_id: int, username: str, display_name: str = "") -> None:
    """Makes an account findable by the words of its names, and no longer by those that it had before."""
    terms = words.search_terms(f"{username} {display_name}").split()
    await tx.run(SQL.delete_terms, account_id=account_id)
    await tx.many(SQL.insert_term, [{"account_id": account_id, "term": term} for term in terms])
