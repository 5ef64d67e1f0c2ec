"""Pictures at their addresses: whole or in part, with each header once, and nothing under any other name."""

import pytest

from tests.support.client import World

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
async def test_a_part_is_served_as_asked(world: World, asked: str, status: int, part: bytes, said: str | None):
    await world.parts.blobs.put(KEY, DATA)
    answer = await world.client.get(f"/files/{KEY}", headers={"Range": asked})
    assert (answer.status, answer.body, answer.header("content-range")) == (status, part, said)


@pytest.mark.parametrize("key", ["media/1/other/original.png", ".temporary/x", "media", "media/1/../../linnet.db"])
async def test_nothing_is_served_under_any_other_name(world: World, key: str):
    await world.parts.blobs.put(KEY, DATA)
    assert (await world.client.get(f"/files/{key}")).status in (404, 422)


async def test_what_a_browser_could_run_is_only_saved(world: World):
    await world.parts.blobs.put("media/1/x/page.html", b"<script>")
    answer = await world.client.get("/files/media/1/x/page.html")
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("content-disposition") == "attachment"
