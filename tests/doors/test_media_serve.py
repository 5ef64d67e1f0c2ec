"""Pictures at their addresses: whole or in part, with each header once, and nothing under any other name."""

from pathlib import Path
from typing import Any

import pytest

from linnet.storage.object_store import ObjectBlobs
from tests.support import films
from tests.support.client import World
from tests.support.s3 import BUCKET

KEY = "media/1/abcdefghijklmnopqrstuv/original.png"
DATA = bytes(range(256)) * 4


async def test_a_picture_is_served_whole_and_kept_for_ever(world: World):
    await world.parts.blobs.put(KEY, DATA)
    answer = await world.client.get(f"/files/{KEY}")
    assert (answer.status, answer.body) == (200, DATA)
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))
    assert {name: answer.header(name) for name in names} == {
        "content-type": "image/png",
        "content-length": "1024",
        "content-disposition": "inline",
        "content-security-policy": "default-src 'none'; form-action 'none'",
        "cache-control": "public, max-age=31536000, immutable",
        "accept-ranges": "bytes",
        "etag": '"media-1-abcdefghijklmnopqrstuv-original.png"',
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        **{name: answer.header(name) for name in names if name.startswith(("access-control-", "x-request-"))},
    }
    assert answer.header("access-control-allow-origin") == "*"


@pytest.fixture(params=["folder", "bucket"])
async def served(request: pytest.FixtureRequest, open_sqlite_world: Any, tmp_path: Path) -> World:
    """A server whose files stand in its folder, or in a bucket, with one file."""
    blobs = None
    if request.param == "bucket":
        blobs = ObjectBlobs(BUCKET, "x", tmp_path / "scratch", endpoint=request.getfixturevalue("s3_endpoint"))
    world: World = await open_sqlite_world(blobs=blobs)
    await world.parts.blobs.put(KEY, DATA)
    return world


@pytest.mark.parametrize(
    ("asked", "status", "part", "said"),
    [
        ("bytes=0-9", 206, DATA[:10], "bytes 0-9/1024"),
        ("bytes=1000-", 206, DATA[1000:], "bytes 1000-1023/1024"),
        ("bytes=-5", 206, DATA[-5:], "bytes 1019-1023/1024"),
        ("bytes=1024-", 416, b"", "bytes */1024"),
        ("lines=1-2", 200, DATA, None),
    ],
)
async def test_a_part_is_served_as_asked(served: World, asked: str, status: int, part: bytes, said: str | None):
    answer = await served.client.get(f"/files/{KEY}", headers={"Range": asked})
    assert (answer.status, answer.body, answer.header("content-range")) == (status, part, said)
    assert answer.header("content-length") == str(len(part))


async def test_what_a_client_has_already_is_not_sent_again(served: World):
    tag = (await served.client.get(f"/files/{KEY}")).header("etag") or ""
    answer = await served.client.get(f"/files/{KEY}", headers={"If-None-Match": tag})
    assert (answer.status, answer.body, answer.header("etag")) == (304, b"", tag)
    other = await served.client.get(f"/files/{KEY}", headers={"If-None-Match": '"another"'})
    assert (other.status, other.body) == (200, DATA)


async def test_a_part_of_another_file_is_not_added_to_it(served: World):
    tag = (await served.client.get(f"/files/{KEY}")).header("etag") or ""
    same = await served.client.get(f"/files/{KEY}", headers={"Range": "bytes=5-9", "If-Range": tag})
    assert (same.status, same.body) == (206, DATA[5:10])
    other = await served.client.get(f"/files/{KEY}", headers={"Range": "bytes=5-9", "If-Range": '"another"'})
    assert (other.status, other.body) == (200, DATA)


async def test_the_head_alone_says_how_long_it_is(served: World):
    answer = await served.client.ask("HEAD", f"/files/{KEY}")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", str(len(DATA)))


async def test_a_film_goes_all_the_way_through_a_bucket(open_sqlite_world: Any, s3_endpoint: str, tmp_path: Path):
    blobs = ObjectBlobs(BUCKET, "", tmp_path / "scratch", endpoint=s3_endpoint)
    world = await open_sqlite_world(blobs=blobs)
    alice = await world.person("alice")
    files: Any = {"file": ("film.webm", films.film(*films.KINDS["webm"]), "video/webm")}
    new = (await alice.post("/api/v2/media", files=files)).json()
    await world.run_jobs()
    done = (await alice.get(f"/api/v1/media/{new['id']}")).json()
    answer = await world.client.get(done["url"].removeprefix(world.site.origin))
    assert (answer.status, answer.header("content-type")) == (200, "video/mp4")
    assert sum(1 for _ in films.opened(answer.body).decode(video=0)) == 24
    kept = [key async for key in blobs.keys()]  # noqa: SIM118 - not a dict
    assert sorted(key.rpartition("/")[2] for key in kept) == ["original.mp4", "small.jpeg"]
    assert (await alice.delete(f"/api/v1/media/{new['id']}")).status == 200
    assert [key async for key in blobs.keys()] == []  # noqa: SIM118 - not a dict


@pytest.mark.parametrize("key", ["media/1/other/original.png", ".temporary/x", "media", "media/1/../../linnet.db"])
async def test_nothing_is_served_under_any_other_name(world: World, key: str):
    await world.parts.blobs.put(KEY, DATA)
    assert (await world.client.get(f"/files/{key}")).status in (404, 422)


async def test_what_a_browser_could_run_is_only_saved(world: World):
    await world.parts.blobs.put("media/1/x/page.html", b"<script>")
    answer = await world.client.get("/files/media/1/x/page.html")
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("content-disposition") == "attachment"
