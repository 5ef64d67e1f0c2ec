"""What holds wherever files are kept: in a folder, in a bucket, and in the database."""

import contextlib
import io
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from linnet.domain.errors import Invalid, Unavailable
from linnet.ports import Blobs
from linnet.storage.blobs import LocalBlobs
from linnet.storage.database_blobs import DatabaseBlobs
from linnet.storage.object_store import ObjectBlobs
from tests.support.databases import AnyDatabase, open_postgres, open_sqlite
from tests.support.s3 import BUCKET


@pytest.fixture(params=["folder", "bucket", "bucket_with_prefix", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """What sort it is, and what it is made of. Made here, where no loop runs yet."""
    needs = {"folder": None, "sqlite": "sqlite_template", "postgres": "postgres_databases"}.get(
        request.param, "s3_endpoint"
    )
    return request.param, None if needs is None else request.getfixturevalue(needs)


@pytest.fixture
async def blobs(place: tuple[str, Any], tmp_path: Path) -> AsyncIterator[Blobs]:
    sort, where = place
    if sort == "folder":
        yield LocalBlobs(tmp_path / "blobs")
    elif sort.startswith("bucket"):
        prefix = "our/files" if sort == "bucket_with_prefix" else ""
        yield ObjectBlobs(BUCKET, prefix, tmp_path / "scratch", endpoint=where)
    else:
        async with opened_database(sort, where, tmp_path) as database:
            yield DatabaseBlobs(database, tmp_path / "scratch")


@contextlib.asynccontextmanager
async def opened_database(sort: str, where: Any, folder: Path) -> AsyncIterator[AnyDatabase]:
    if sort == "sqlite":
        shutil.copyfile(where, folder / "linnet.db")
        database = open_sqlite(folder / "linnet.db")
        yield database
        await database.close()
    else:
        url = await where.take()
        server = open_postgres(url)
        yield server
        await server.close()
        await where.give_back(url)


async def keys(blobs: Blobs) -> set[str]:
    return {key async for key in blobs.keys()}  # noqa: SIM118 - not a dict


async def read(blobs: Blobs, key: str, start: int, end: int) -> bytes:
    """As it comes, which is what stands at its path, where it has one."""
    found = await blobs.open(key)
    assert found is not None
    pieces: AsyncIterator[bytes] = blobs.stream(key, start, end)
    data = b"".join([piece async for piece in pieces])
    assert found[0] is None or found[0].read_bytes()[start:end] == data
    return data


async def test_what_is_put_is_there_whole_and_in_part_until_it_is_deleted(blobs: Blobs):
    data = bytes(range(256)) * 4_000
    await blobs.put("media/1/abc/original.mp4", data)
    await blobs.put("media/1/abc/empty.jpeg", b"")
    assert await blobs.get("media/1/abc/original.mp4") == data
    assert await blobs.get("media/1/abc/empty.jpeg") == b""
    found = await blobs.open("media/1/abc/original.mp4")
    assert found is not None
    assert found[1] == len(data)
    assert await read(blobs, "media/1/abc/original.mp4", 700_001, 900_005) == data[700_001:900_005]
    assert await read(blobs, "media/1/abc/original.mp4", 0, len(data)) == data
    assert await read(blobs, "media/1/abc/empty.jpeg", 0, 0) == b""
    assert await keys(blobs) == {"media/1/abc/original.mp4", "media/1/abc/empty.jpeg"}
    await blobs.delete("media/1/abc/original.mp4")
    assert await blobs.get("media/1/abc/original.mp4") is None
    assert await keys(blobs) == {"media/1/abc/empty.jpeg"}


async def test_a_large_file_goes_in_and_out_by_open_files(blobs: Blobs):
    data = os.urandom(12 << 20)
    file = io.BytesIO(data)
    file.seek(99)
    await blobs.put_file("uploads/1/source", file)
    fetched = await blobs.fetch("uploads/1/source")
    assert fetched is not None
    with fetched:
        assert fetched.fileno() > 0
        assert fetched.read() == data


async def test_a_second_put_replaces(blobs: Blobs):
    await blobs.put("a/b", b"one")
    await blobs.put("a/b", b"two")
    assert await blobs.get("a/b") == b"two"


async def test_what_is_not_there_is_none_and_may_be_deleted(blobs: Blobs):
    assert await blobs.get("media/1/x") is None
    assert await blobs.fetch("media/1/x") is None
    assert await blobs.open("media/1/x") is None
    assert await keys(blobs) == set()
    await blobs.delete("media/1/x")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "media/../../x", "media//x", ".temporary/x", "media/X"])
async def test_keys_that_lead_elsewhere_are_refused(blobs: Blobs, key: str):
    for call in (
        blobs.put(key, b"x"), blobs.put_file(key, io.BytesIO(b"x")), blobs.get(key), blobs.fetch(key),
        blobs.delete(key), blobs.open(key),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == "key"


async def test_what_is_being_worked_on_is_no_file_that_is_kept(blobs: Blobs):
    (blobs.scratch / "work").write_bytes(b"half")
    assert await keys(blobs) == set()


async def test_a_bucket_that_does_not_answer_is_our_own_fault_and_passing(s3_endpoint: str, tmp_path: Path):
    elsewhere = ObjectBlobs("no-such-bucket", "", tmp_path, endpoint=s3_endpoint)
    for call in (elsewhere.check(), elsewhere.put("a/b", b"x"), anext(elsewhere.keys())):
        with pytest.raises(Unavailable, match="object storage does not answer"):
            await call
    await ObjectBlobs(BUCKET, "", tmp_path, endpoint=s3_endpoint).check()
