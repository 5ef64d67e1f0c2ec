"""Making an archive: killed anywhere it goes on, two who are at it do no harm, and nothing is left lying about."""

import contextlib
import io
import json
import zipfile
from typing import Any

import pytest

from linnet import app
from linnet.actions import exports
from linnet.domain.errors import NotFound
from linnet.queries import exports as export_queries
from linnet.storage.database import Operation
from linnet.storage.jobs import LeaseLost
from tests.support import archives, pictures
from tests.support.client import Person, World


class _Killed(Exception):
    pass


class _Dying:
    """A database whose process is killed after so many commits."""

    def __init__(self, database: Any, commits: int) -> None:
        self._database = database
        self._left = commits
        self.read = database.read

    async def write(self, fn: Any, *given: Any, **named: Any) -> Any:
        if not self._left:
            raise _Killed
        self._left -= 1
        return await self._database.write(fn, *given, **named)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of an archive are so small that a short one has many."""
    monkeypatch.setattr(exports, "PIECE_BYTES", 300)


async def _lived(world: World) -> Person:
    ada = await world.person("ada")
    for number in range(30):
        await ada.post("/api/v1/statuses", json={"status": f"number {number}"})
    file = {"file": ("a.png", pictures.png(), "image/png")}
    media = (await ada.post("/api/v2/media", files=file)).json()["id"]
    await ada.post("/api/v1/statuses", json={"status": "look", "media_ids": [media]})
    return ada


async def _whole(world: World, made: int) -> list[str]:
    """What the archive says, in order."""
    data = b"".join([piece async for piece in export_queries.content(world.database, world.parts.blobs, made)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist()))
        items = json.loads(archive.read("outbox.json"))["orderedItems"]
    return [item["object"]["source"]["content"] for item in items]


async def test_one_that_is_killed_anywhere_goes_on(any_world: World):
    ada = await _lived(any_world)
    tools = app.exporting(any_world.parts)
    made = await exports.begin(tools, ada.id, Operation.once(any_world.parts.ids), as_job=False)
    finished, steps = False, 0
    while not finished:
        for commits in (0, 1):
            with contextlib.suppress(_Killed):
                await exports.step(tools._replace(database=_Dying(any_world.database, commits)), made)  # type: ignore[arg-type]
        finished = await exports.step(tools, made)
        steps += 1
    assert steps > 10
    assert await _whole(any_world, made) == [*(f"number {number}" for number in range(30)), "look"]
    await any_world.run_jobs()
    kept = [key async for key in any_world.parts.blobs.keys() if key.startswith("exports/")]  # noqa: SIM118
    assert len(kept) == steps


async def test_of_two_who_write_a_piece_one_has_written_it(world: World):
    ada = await _lived(world)
    tools = app.exporting(world.parts)
    made = await exports.begin(tools, ada.id, Operation.once(world.parts.ids), as_job=False)

    class Slow:
        """Files that are written so slowly that somebody else takes over meanwhile."""

        get = staticmethod(world.parts.blobs.get)

        async def put(self, key: str, data: bytes) -> None:
            await world.parts.blobs.put(key, data)
            await exports.step(tools, made)

    with pytest.raises(LeaseLost):
        await exports.step(tools._replace(blobs=Slow()), made)  # type: ignore[arg-type]
    while not await exports.step(tools, made):
        pass
    assert len(await _whole(world, made)) == 31


async def test_what_is_written_meanwhile_does_no_harm(world: World):
    ada = await _lived(world)
    tools = app.exporting(world.parts)
    made = await exports.begin(tools, ada.id, Operation.once(world.parts.ids), as_job=False)
    finished, number = False, 0
    while not finished:
        number += 1
        await ada.post("/api/v1/statuses", json={"status": f"meanwhile {number}"})
        finished = await exports.step(tools, made)
    found = await _whole(world, made)
    assert found[:31] == [*(f"number {one}" for one in range(30)), "look"]
    row = await export_queries.ready(world.database, ada.id, made)
    assert row.done == row.total


async def test_an_archive_of_an_account_that_is_empty_is_whole(any_world: World):
    ada = await any_world.person("ada")
    with zipfile.ZipFile(io.BytesIO(await archives.exported(any_world, ada.id))) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("outbox.json"))["orderedItems"] == []
        assert archive.read("linnet/follows.jsonl") == b""


async def test_one_that_is_taken_away_while_a_piece_is_written_leaves_nothing(any_world: World):
    world = any_world
    ada = await _lived(world)
    tools = app.exporting(world.parts)
    made = await exports.begin(tools, ada.id, Operation.once(world.parts.ids), as_job=False)
    assert not await exports.step(tools, made)

    class Late:
        """A file that is there only when all that was known of it has been deleted."""

        get = staticmethod(world.parts.blobs.get)

        async def put(self, key: str, data: bytes) -> None:
            await exports.delete(world.database, ada.id, made, Operation.once(world.parts.ids))
            await world.run_jobs()
            await world.parts.blobs.put(key, data)

    with pytest.raises(LeaseLost):
        await exports.step(tools._replace(blobs=Late()), made)  # type: ignore[arg-type]
    await world.run_jobs()
    assert [key async for key in world.parts.blobs.keys() if key.startswith("exports/")] == []  # noqa: SIM118


async def test_a_large_one_goes_piece_by_piece_and_is_fetched_by_nobody_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    ada = await _lived(world)
    await archives.exported(world, ada.id)
    monkeypatch.setattr(exports, "ROWS", 4)
    (row,) = await export_queries.listed(world.database, ada.id)
    await exports.delete(world.database, ada.id, row.id, Operation.once(world.parts.ids))
    with pytest.raises(NotFound):
        await export_queries.ready(world.database, ada.id, row.id)
    turns = 1
    while await world.database.write(lambda tx: exports.expire(tx, 20)):
        turns += 1
    await world.run_jobs()
    assert turns > 2
    assert await export_queries.listed(world.database, ada.id) == []
    assert [key async for key in world.parts.blobs.keys() if key.startswith("exports/")] == []  # noqa: SIM118
