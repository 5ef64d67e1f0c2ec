"""Files in the database: whole or not there at all, in pieces, and swept a few at a time."""

import asyncio
import io
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import database_blobs
from linnet.storage.database_blobs import PIECE, DatabaseBlobs
from tests.storage.queries import sql

PIECES = sql("select count(*), coalesce(sum(length(data)), 0) from blob_pieces")
FILES = sql("select state, count(*) from blobs group by state order by state")


@pytest.fixture
def blobs(database: Any, tmp_path: Path) -> DatabaseBlobs:
    return DatabaseBlobs(database, tmp_path / "scratch")


async def pieces(database: Any) -> tuple[int, int]:
    row = await database.read(lambda tx: tx.one(PIECES))
    return int(row[0]), int(row[1])


async def files(database: Any) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in await database.read(lambda tx: tx.all(FILES))}


class Cut(io.BytesIO):
    """A file that cannot be read any further at some point."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data)
        self.at = at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self.at:
            raise OSError("it is gone")
        return super().read(size)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5])
async def test_every_size_has_the_pieces_that_it_needs(database, blobs, size):
    data = os.urandom(size)
    await blobs.put("media/1/a", data)
    assert await pieces(database) == (-(-size // PIECE), size)
    assert await blobs.get("media/1/a") == data
    assert await blobs.open("media/1/a") == (None, size)


async def test_any_part_is_read_over_the_seams(blobs):
    data = os.urandom(2 * PIECE + 77)
    await blobs.put("media/1/a", data)
    edges = (0, 1, PIECE // 4, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(data))
    for start in edges:
        for end in edges:
            parts = [part async for part in blobs.stream("media/1/a", start, end)]
            assert b"".join(parts) == data[start:end]
            assert all(len(part) <= PIECE // 4 for part in parts)


async def test_what_is_cut_off_is_not_there_and_what_stood_there_still_is(database, blobs):
    await blobs.put("media/1/a", b"old")
    for key in ("media/1/a", "media/1/b"):
        with pytest.raises(OSError, match="it is gone"):
            await blobs.put_file(key, Cut(os.urandom(4 * PIECE), 3 * PIECE))
    assert await blobs.get("media/1/a") == b"old"
    assert await blobs.open("media/1/b") is None
    assert [key async for key in blobs.keys()] == ["media/1/a"]  # noqa: SIM118 - not a dict
    assert await blobs.sweep_temporary(3600) == 0
    assert await files(database) == {"coming": 2, "kept": 1}
    assert await blobs.sweep_temporary(0) == 2
    assert await files(database) == {"kept": 1}
    assert await pieces(database) == (1, 3)


async def test_what_was_swept_while_it_came_is_not_taken_for_whole(database, blobs):
    class Slow(io.BytesIO):
        """Meanwhile, after its second piece, somebody sweeps."""

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 2 * PIECE:
                asyncio.run_coroutine_threadsafe(blobs.sweep_temporary(-1), loop).result(20)
            return super().read(size)

    loop = asyncio.get_running_loop()
    with pytest.raises(Unavailable, match="too slowly"):
        await blobs.put_file("media/1/a", Slow(os.urandom(4 * PIECE)))
    assert await blobs.open("media/1/a") is None
    await blobs.sweep_temporary(-1)
    assert (await pieces(database), await files(database)) == ((0, 0), {})


async def test_replacing_and_deleting_leave_nothing_behind(database, blobs, monkeypatch):
    monkeypatch.setattr(database_blobs, "_PIECES_A_TURN", 2)
    await blobs.put("media/1/a", os.urandom(5 * PIECE))
    await blobs.put("media/1/a", b"new")
    assert await blobs.get("media/1/a") == b"new"
    assert await files(database) == {"gone": 1, "kept": 1}
    assert await blobs.sweep_temporary(3600) == 1
    assert await pieces(database) == (1, 3)
    await blobs.put("media/1/b", os.urandom(5 * PIECE))
    await blobs.delete("media/1/b")
    await blobs.delete("media/1/a")
    assert (await pieces(database), await files(database)) == ((0, 0), {})


async def test_a_reader_is_cut_off_rather_than_given_less_than_was_promised(blobs):
    await blobs.put("media/1/a", os.urandom(2 * PIECE))
    reading = blobs.stream("media/1/a", 0, 2 * PIECE)
    assert len(await anext(reading)) == PIECE // 4
    await blobs.delete("media/1/a")
    with pytest.raises(Unavailable, match="no longer"):
        async for _ in reading:
            pass
    with pytest.raises(Unavailable, match="no longer"):
        await anext(blobs.stream("media/1/a", 0, 9))


async def test_many_who_put_under_one_key_at_once_leave_one_file(database, blobs):
    data = [os.urandom(PIECE + number) for number in range(5)]
    await asyncio.gather(*(blobs.put("media/1/a", one) for one in data))
    assert await blobs.get("media/1/a") in data
    await blobs.sweep_temporary(0)
    assert await files(database) == {"kept": 1}
    assert (await pieces(database))[0] == 2


async def test_keys_go_on_beyond_one_page(blobs, monkeypatch):
    monkeypatch.setattr(database_blobs, "_KEYS_AT_ONCE", 3)
    names = [f"media/{number}" for number in range(7)]
    for name in names:
        await blobs.put(name, b"")
    assert [key async for key in blobs.keys()] == names  # noqa: SIM118 - not a dict


async def test_a_sweep_takes_some_files_a_turn(blobs, monkeypatch):
    monkeypatch.setattr(database_blobs, "_FILES_A_SWEEP", 2)
    for number in range(4):
        await blobs.put("media/1/a", b"%d" % number)
    assert [await blobs.sweep_temporary(3600) for _ in range(3)] == [2, 1, 0]


async def test_a_large_file_never_stands_in_memory_whole(blobs, tmp_path: Path):
    size = 40 * PIECE
    source = tmp_path / "film"
    with source.open("wb") as made:
        made.truncate(size)
    tracemalloc.start()
    try:
        with source.open("rb") as file:
            await blobs.put_file("uploads/1/source", file)
        read = sum([len(part) async for part in blobs.stream("uploads/1/source", 0, size)])
        fetched = await blobs.fetch("uploads/1/source")
        assert fetched is not None
        with fetched:
            assert (read, fetched.seek(0, io.SEEK_END)) == (size, size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * PIECE
