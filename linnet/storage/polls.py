"""Polls as rows: their counts, and the votes behind them."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.domain.polls import PollView
from linnet.storage import statements
from linnet.storage.database import Writer

SQL = statements.load("polls")

_numbers = msgspec.json.Decoder(tuple[int, ...])


class Counted(NamedTuple):
    """A poll's row. ``counts`` by option; ``expires_at`` in ms since 1970."""

    account_id: int
    expires_at: int | None
    voters: int
    counts: tuple[int, ...]


def as_json(value: PollView | Sequence[int] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def taken(tx: Writer, status_id: int) -> Counted | None:
    """The poll of a status, which nobody else changes until this transaction ends."""
    row = await tx.one(SQL.taken, status_id=status_id)
    return None if row is None else Counted(*[*row[:3], _numbers.decode(row[3])])


async def open_(tx: Writer, status_id: int, account_id: int, poll: PollView) -> None:
    """A new poll, or another one in its place: nobody has voted yet."""
    await tx.run(SQL.delete_votes, status_id=status_id)
    await tx.run(
        SQL.insert,
        status_id=status_id,
        account_id=account_id,
        expires_at=poll.expires_at,
        counts=as_json([0] * len(poll.options)),
    )


async def count(tx: Writer, status_id: int, counted: Counted, chosen: Sequence[int], step: int) -> None:
    """One voter more, or (-1) one less; ``chosen`` are the options that were voted for."""
    counts = [votes + step * (place in chosen) for place, votes in enumerate(counted.counts)]
    await tx.run(SQL.count, status_id=status_id, voters=counted.voters + step, counts=as_json(counts))


async def withdraw(tx: Writer, account_id: int, limit: int) -> bool:
    """Takes back some of the votes of an account that is deleted; whether there may be more."""
    rows = await tx.all(SQL.votes_of, account_id=account_id, limit=limit)
    for status_id, choices in rows:
        counted = await taken(tx, status_id)
        if await tx.run(SQL.withdraw, status_id=status_id, account_id=account_id) and counted is not None:
            await count(tx, status_id, counted, _numbers.decode(choices), -1)
    return len(rows) == limit


async def recount(tx: Writer, status_id: int) -> None:
    """Sets the counts to what the votes say."""
    counted = await taken(tx, status_id)
    if counted is None:
        return
    votes = [_numbers.decode(row[0]) for row in await tx.all(SQL.votes, status_id=status_id)]
    counts = [sum(place in chosen for chosen in votes) for place in range(len(counted.counts))]
    await tx.run(SQL.count, status_id=status_id, voters=len(votes), counts=as_json(counts))
