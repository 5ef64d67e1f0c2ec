"""What a transaction carries out together at its end, and that one statement alone is no transaction."""

from typing import Any, cast

import pytest

from linnet.storage.gathering import Gathering
from linnet.storage.postgres_connection import Connection
from linnet.storage.postgres_transaction import PostgresTransaction, SecondStatement
from tests.storage.queries import sql

ADD = sql("insert into heartbeats (place, beats) values (:place, :beats)")
COUNT = sql("select count(*) from heartbeats")
HIGH = sql("select count(*) from heartbeats where beats > 8")
LOWER = sql("update heartbeats set beats = beats - 1 where place = :place")
EVERY = sql("select count(place) from heartbeats")
RAISE = sql("update heartbeats set beats = :beats where place = :place")


async def test_what_is_gathered_is_carried_out_at_the_end_in_its_order(open_database: Any) -> None:
    database = await open_database()
    seen: list[Any] = []

    async def write(tx: Any) -> None:
        gathering = Gathering(tx, (ADD, RAISE), (COUNT,), (LOWER,))
        for place in (7, 8):
            assert await gathering.run(RAISE, place=place, beats=place) == 1
            assert await gathering.run(ADD, place=place, beats=0) == 1
        seen.append(await gathering.one(COUNT))
        await gathering.flush()
        seen.append(await gathering.one(COUNT))
        await gathering.run(ADD, place=9, beats=9)
        seen.append(await gathering.one(COUNT))
        await gathering.run(LOWER, place=9)
        seen.append(await gathering.one(EVERY))
        seen.append(await gathering.one(HIGH))
        await gathering.finish()
        seen.append(await gathering.one(HIGH))
        assert (gathering.now, gathering.ids) == (tx.now, tx.ids)

    await database.write(write)
    rows = await database.read(lambda tx: tx.all(sql("select place, beats from heartbeats order by place")))
    # What is apart sees nothing of what waits; anything else sees all of it.
    assert seen == [(0,), (2,), (2,), (3,), (1,), (0,)]
    assert [tuple(row) for row in rows] == [(7, 7), (8, 8), (9, 8)]
    await database.close()


class Answers:
    """A connection that answers every statement with nothing."""

    async def rows(self, *_: Any) -> list[Any]:
        return []


async def test_a_function_that_makes_a_second_statement_needs_a_transaction() -> None:
    tx = PostgresTransaction(cast("Connection", Answers()), 0, cast("Any", None), 1.0, lone=True)
    assert await tx.one(COUNT) is None
    with pytest.raises(SecondStatement):
        await tx.one(COUNT)
