"""Every action twice over a lost answer: whoever did not hear that it was done asks again, and it is not done again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import apsw
import asyncpg
import pytest

from linnet.actions import blocks, edits, follows, interactions, profiles, statuses
from linnet.domain.edits import Revision
from linnet.domain.errors import LinnetError
from linnet.domain.profiles import ProfileChanges
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility
from linnet.storage import postgres, sqlite
from linnet.storage.database import Operation
from linnet.storage.postgres_connection import Connection, Lost
from tests.support import deeds, deeds_access, deeds_lists, deeds_moving, deeds_posts, deeds_quotes, deeds_safety  # noqa: F401  # they fill DEEDS
from tests.support.access import Letters
from tests.support.stage import DEEDS, PROVING, SECRETS, Stage, actions
from tests.support.tables import Dump, columns, differences, dump, selects


class Loser:
    """Once it is armed, the next commit is carried out and its answer lost; ``after`` is what the commit left."""

    def __init__(self, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed = False
        self.after: Dump = {}
        self.selects: dict[str, str] = {}
        self.reader: Any = None
        if database.dialect == "sqlite":
            monkeypatch.setattr(database, "_commit", self._on_sqlite(database))
        else:
            monkeypatch.setattr(postgres, "_PAUSE_SECONDS", 0.001)
            monkeypatch.setattr(Connection, "commit", self._on_postgres(Connection.commit))

    async def close(self) -> None:
        if self.reader is not None:
            await self.reader.close()

    async def arm(self, database: Any) -> None:
        self.selects = self.selects or selects(await columns(database))
        self.armed = True

    def _on_sqlite(self, database: Any) -> Callable[[], None]:
        commit = database._commit

        def lose() -> None:
            commit()
            if self.armed:
                self.armed = False
                reader = apsw.Connection(str(database._path))
                self.after = {table: reader.execute(text).fetchall() for table, text in self.selects.items()}
                reader.close()
                raise apsw.exception_for(apsw.SQLITE_IOERR_WRITE)

        return lose

    def _on_postgres(self, commit: Any) -> Any:
        async def lose(connection: Connection, before: str, limit_s: float | None) -> None:
            await commit(connection, before, limit_s)
            if self.armed:
                self.armed = False
                self.reader = self.reader or await asyncpg.connect(connection.server.url)
                for table, text in self.selects.items():
                    self.after[table] = [tuple(row) for row in await self.reader.fetch(text)]
                connection.terminate()
                raise Lost("the test has cut the connection")

        return lose


@pytest.fixture
async def stage(open_any_world: Any) -> Stage:
    return Stage(await open_any_world(mail=Letters()))


@pytest.fixture
async def loser(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loser]:
    made = Loser(stage.database, monkeypatch)
    yield made
    await made.close()


def test_every_action_is_in_the_table():
    assert actions() == DEEDS.keys()
    assert DEEDS.keys() >= SECRETS | PROVING


async def test_every_action_twice_over_a_lost_answer(stage: Stage, loser: Loser):
    problems = []
    for name, prepare in DEEDS.items():
        call = await prepare(stage)
        before = await dump(stage.database)
        operation = stage.operation()
        await loser.arm(stage.database)
        try:
            result = await call(operation)
        except LinnetError as error:
            problems.append(f"{name} failed: {error!r}")
            continue
        problems += [f"{name} wrote nothing"] * loser.armed
        problems += [f"{name} changed nothing"] * (len(differences(before, loser.after)) < 2)
        problems += [
            f"{name}, its commit lost: {words}" for words in differences(loser.after, await dump(stage.database))
        ]
        try:
            again = await call(operation)
        except LinnetError as error:
            problems += [f"{name}, asked again: {error!r}"] * (name not in PROVING)
        else:
            problems += [f"{name}, asked again, answers {again}"] * (name not in SECRETS and again != result)
        problems += [f"{name}, asked again: {words}" for words in differences(loser.after, await dump(stage.database))]
    assert not problems, "\n".join(problems)


async def test_the_measure_tells_a_second_run(stage: Stage, loser: Loser, monkeypatch: pytest.MonkeyPatch):
    """Where receipts are not looked at an action is carried out twice, and that shows."""

    async def forgetful(tx: Any, fn: Any, operation: Operation, returns: Any) -> Any:
        return await fn(tx)

    monkeypatch.setattr(sqlite, "receipted", forgetful)
    monkeypatch.setattr(postgres, "receipted", forgetful)
    call = await DEEDS["rules.add"](stage)
    await loser.arm(stage.database)
    await call(stage.operation())
    assert [words.split()[:2] for words in differences(loser.after, await dump(stage.database))] == [
        ["rules", "gained"]
    ]


# -- something else happened in between -------------------------------------------------------------------------------


async def _followed(stage: Stage) -> tuple[Any, Any]:
    actor, target = await stage.pair()
    return (
        lambda operation: follows.follow(stage.database, stage.site, actor, target, FollowOptions(), operation),
        lambda operation: follows.unfollow(stage.database, actor, target, operation),
    )


async def _favourited(stage: Stage) -> tuple[Any, Any]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    return (
        lambda operation: interactions.favourite(stage.database, actor, status, operation),
        lambda operation: interactions.unfavourite(stage.database, actor, status, operation),
    )


async def _reblogged(stage: Stage) -> tuple[Any, Any]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    return (
        lambda operation: interactions.reblog(stage.database, stage.site, actor, status, Visibility.PUBLIC, operation),
        lambda operation: interactions.unreblog(stage.database, actor, status, operation),
    )


async def _blocked(stage: Stage) -> tuple[Any, Any]:
    actor, target = await stage.pair()
    return (
        lambda operation: blocks.block(stage.database, actor, target, operation),
        lambda operation: blocks.unblock(stage.database, actor, target, operation),
    )


async def _muted(stage: Stage) -> tuple[Any, Any]:
    actor, target = await stage.pair()
    return (
        lambda operation: blocks.mute(stage.database, actor, target, Mute(duration_ms=60_000), operation),
        lambda operation: blocks.unmute(stage.database, actor, target, operation),
    )


async def _edited(stage: Stage) -> tuple[Any, Any]:
    """An old text must not come back over a newer one."""
    author = await stage.person()
    status = await stage.status(author)
    return (
        lambda operation: edits.edit(stage.database, stage.site, author, status, Revision("first"), operation),
        lambda operation: edits.edit(stage.database, stage.site, author, status, Revision("second"), operation),
    )


async def _posted(stage: Stage) -> tuple[Any, Any]:
    author = await stage.person()
    found: list[int] = []

    async def post(operation: Operation) -> int:
        found.append(await statuses.post(stage.database, stage.site, author, Draft("hello"), operation))
        return found[-1]

    return post, lambda operation: edits.delete(stage.database, author, found[0], operation)


async def _renamed(stage: Stage) -> tuple[Any, Any]:
    actor = await stage.person()
    return (
        lambda operation: profiles.update(
            stage.database, stage.site, actor, ProfileChanges(display_name="One"), {}, operation
        ),
        lambda operation: profiles.update(
            stage.database, stage.site, actor, ProfileChanges(display_name="Two"), {}, operation
        ),
    )


@pytest.mark.parametrize(
    "prepare", [_favourited, _reblogged, _followed, _blocked, _muted, _edited, _posted, _renamed],
    ids=lambda prepare: prepare.__name__.strip("_"),
)  # fmt: skip
async def test_a_late_repetition_does_not_undo_what_came_after(stage: Stage, loser: Loser, prepare: Any):
    do, undo = await prepare(stage)
    operation = stage.operation()
    await loser.arm(stage.database)
    result = await do(operation)
    await undo(stage.operation())
    then = await dump(stage.database)
    assert differences(loser.after, then)
    # Several at once, as an impatient client might.
    assert await asyncio.gather(*(do(operation) for _ in range(3))) == [result] * 3
    assert not differences(then, await dump(stage.database))
