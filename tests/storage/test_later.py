"""What is left for later in a transaction: carried out before its commit, together, or not at all."""

from collections import Counter
from typing import Any

import pytest

from linnet.actions import statuses
from linnet.domain.statuses import Draft
from linnet.storage import jobs
from linnet.storage.database import Operation, Writer
from linnet.storage.postgres import PostgresDatabase
from linnet.storage.postgres_connection import Connection
from linnet.storage.statements import statement, together

KINDS = statement("kinds", "select kind from jobs order by id")
FIRST = statement("first", "insert into a (x, y, z) values (:x, :y, :x)")
SECOND = statement("second", "delete from b where id in (:ids...) and name = :name")


def test_statements_are_made_one_and_keep_their_places() -> None:
    assert together((FIRST,)) == FIRST.postgres
    assert together((FIRST, SECOND, FIRST)) == (
        "with later_0 as (insert into a (x, y, z) values ($1, $2, $1)), "
        "later_1 as (delete from b where id = any($3) and name = $4) "
        "insert into a (x, y, z) values ($5, $6, $5)"
    )


async def _add(tx: Writer, kind: str, id: int) -> None:
    await tx.later(jobs.SQL.add, id=id, kind=kind, payload="{}", once=None, run_at=0)


async def _kinds(database: Any) -> list[str]:
    return [kind for (kind,) in await database.read(lambda tx: tx.all(KINDS))]


async def test_it_is_there_after_the_commit(database: Any) -> None:
    async def write(tx: Writer) -> None:
        for id in (1, 2, 3):
            await _add(tx, f"kind {id}", id)

    await database.write(write)
    assert await _kinds(database) == ["kind 1", "kind 2", "kind 3"]


async def test_nothing_of_it_is_left_where_the_transaction_fails(database: Any) -> None:
    async def refused(tx: Writer) -> None:
        await _add(tx, "refused", 1)
        raise LookupError

    async def twice(tx: Writer) -> None:
        await _add(tx, "once", 2)
        await _add(tx, "twice", 2)

    with pytest.raises(LookupError):
        await database.write(refused)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        await database.write(twice, Operation("twice"))
    assert await _kinds(database) == []
    await database.write(lambda tx: _add(tx, "well", 2), Operation("twice"))
    assert await _kinds(database) == ["well"]


async def test_a_plain_post_asks_postgresql_no_more_than_it_must(
    open_any_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement costs its process more than the server: a tenth of a millisecond, most of it TLS."""
    world = await open_any_world()
    (author,) = await world.people("author")
    asked: Counter[str] = Counter()
    limited = Connection._limited

    async def counted(self: Connection, work: Any, limit_s: float | None) -> Any:
        asked["round trips"] += 1
        return await limited(self, work, limit_s)

    monkeypatch.setattr(Connection, "_limited", counted)
    await statuses.post(world.database, world.site, author.id, Draft("said"), Operation("post"))
    # begin, the receipt, the author, the post, the author's count, all that is later, commit
    assert asked["round trips"] == (7 if isinstance(world.database, PostgresDatabase) else 0)


async def test_whom_a_post_names_makes_nobody_wait_for_its_rows(
    open_any_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the author's row is counted up, others wait for it: what is later must not take longer the more there is."""
    world = await open_any_world()
    author, *named = await world.people("author", *(f"named{number}" for number in range(12)))
    after: list[str] = []
    limited, count = Connection._limited, statuses.count_author

    async def noted(self: Connection, work: Any, limit_s: float | None) -> Any:
        after.append(work.__qualname__)
        return await limited(self, work, limit_s)

    async def counted(*about: Any, **more: Any) -> Any:
        found = await count(*about, **more)
        after.clear()
        return found

    monkeypatch.setattr(Connection, "_limited", noted)
    monkeypatch.setattr(statuses, "count_author", counted)
    draft = Draft(" ".join(f"@named{number}" for number in range(len(named))))
    await statuses.post(world.database, world.site, author.id, draft, Operation("post"))
    # what there is once, the news, commit
    assert len(after) == (3 if isinstance(world.database, PostgresDatabase) else 0)
