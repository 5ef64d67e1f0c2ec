"""Hostile files at the doors that take them: refused in the API's own form, or kept as a picture and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linnet.domain.site import Limits, Site
from linnet.http.request import UPLOAD_MAX
from tests.doors.test_hostile_api import told
from tests.support import pictures
from tests.support.client import World
from tests.support.tables import differences, dump

PAYLOAD = b"<script>alert(document.domain)</script>"

NO_PICTURES: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("a.png", b"", "image/png"),
    "HTML": ("a.png", b"<!doctype html><html>" + PAYLOAD, "image/png"),
    "SVG": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'>" + PAYLOAD + b"</svg>", "image/svg+xml"),
    "XML": (
        "a.png",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        "image/png",
    ),
    "an archive": ("a.zip", b"PK\x03\x04" + b"\0" * 200, "application/zip"),
    "a program": ("a.png", b"\x7fELF" + b"\0" * 500, "image/png"),
    "a script for another program": ("a.mvg", b"push graphic-context\nimage over 0,0 0,0 'https://x'\n", "image/png"),
    "a name of a picture alone": ("a.gif", b"GIF89a" + PAYLOAD, "image/gif"),
    "half a JPEG": ("a.jpg", pictures.jpeg()[:300], "image/jpeg"),
    "half a PNG": ("a.png", pictures.png()[:100], "image/png"),
    "a bomb": ("a.png", pictures.png_bomb(60_000, 60_000), "image/png"),
    "a wide one": ("a.png", pictures.png_bomb(10_000_000, 1), "image/png"),
    "too many frames": ("a.gif", pictures.gif_of_frames(100_000), "image/gif"),
    "noise": ("a.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(range(256)) * 20, "image/webp"),
}

WITH_MORE: dict[str, tuple[str, bytes, str]] = {
    "a JPEG with a page behind it": ("a.html", pictures.jpeg() + PAYLOAD, "text/html"),
    "a PNG with a page in it": (
        "a.png", pictures.png()[:33] + pictures.png_chunk(b"tEXt", b"Comment\0" + PAYLOAD) + pictures.png()[33:],
        "image/png",
    ),
    "a GIF with a page behind it": ("a.js", pictures.gif() + PAYLOAD, "text/javascript"),
    "a name that leads elsewhere": ("../../../../etc/cron.d/x", pictures.png(), "image/png"),
    "a name of many letters": ("x" * 3_000, pictures.png(), "image/png"),
}  # fmt: skip


def kept(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def doors() -> Iterator[tuple[str, str, str]]:
    yield from (("POST", "/api/v2/media", "file"), ("PATCH", "/api/v1/accounts/update_credentials", "avatar"))
    yield from (("POST", "/api/v1/media", "file"), ("PATCH", "/api/v1/profile", "header"))


async def test_what_is_no_picture_is_refused_and_leaves_nothing(world: World, tmp_path: Path):
    alice = await world.person("alice")
    before, files = await dump(world.database, without=("receipts",)), kept(tmp_path)
    for number, (method, target, name) in enumerate(doors()):
        for what, file in list(NO_PICTURES.items())[:: 1 + number // 2 * 4]:
            answer = await alice.ask(method, target, files={name: file})
            assert answer.status in (413, 422), f"{what} at {target}: {answer.status} {answer.body[:300]!r}"
            assert told(answer), what
            assert not differences(before, await dump(world.database, without=("receipts",))), what
            assert kept(tmp_path) == files, what


@pytest.mark.parametrize("what", WITH_MORE)
async def test_a_picture_with_more_in_it_is_kept_as_the_picture_alone(world: World, tmp_path: Path, what: str):
    alice = await world.person("alice")
    before = kept(tmp_path)
    answer = await alice.post("/api/v2/media", files={"file": WITH_MORE[what]})
    assert answer.status == 200, answer.body
    made = kept(tmp_path) - before
    media = {path for path in made if "media" in path.parts}
    assert media
    assert not any(PAYLOAD in path.read_bytes() for path in made if "-wal" not in path.name)
    for address in (answer.json()["url"], answer.json()["preview_url"]):
        shown = await world.client.get(address.removeprefix(world.site.origin))
        assert shown.status == 200
        assert (shown.header("content-type") or "").startswith("image/")
        assert shown.header("x-content-type-options") == "nosniff"
        assert PAYLOAD not in shown.body


@pytest.mark.parametrize("body", [{"file": "text"}, {"file": ["a"]}, {"file": {"a": 1}}, {"file": None}, {}])
async def test_a_file_that_is_words_is_none(world: World, body: dict[str, Any]):
    alice = await world.person("alice")
    answer = await alice.post("/api/v2/media", json=body)
    assert (answer.status, told(answer)) == (422, True)
    changed = await alice.patch("/api/v1/accounts/update_credentials", json={"avatar": body.get("file")})
    assert changed.status in (200, 422)
    assert changed.status == 200 or told(changed)
    assert (await alice.get("/api/v1/accounts/verify_credentials")).json()["avatar"].endswith("/static/avatar.png")


async def test_a_file_that_is_too_large_is_refused(world: World, tmp_path: Path):
    alice = await world.person("alice")
    before = kept(tmp_path)
    for method, target, name in doors():
        answer = await alice.ask(method, target, files={name: ("a.png", b"x" * (UPLOAD_MAX + 1), "image/png")})
        assert (answer.status, told(answer)) == (413, True), answer.body
    many: Any = {f"file{number}": ("a.png", b"x" * (UPLOAD_MAX // 4), "image/png") for number in range(6)}
    answer = await alice.post("/api/v2/media", files=many)
    assert answer.status in (413, 422)
    assert told(answer)
    assert kept(tmp_path) == before


@pytest.mark.parametrize(("image_bytes", "size", "status"), [(10 << 10, 20 << 10, 413), (20 << 20, 17 << 20, 422)])
async def test_how_large_a_picture_may_be_is_the_operators_choice(
    open_sqlite_world: Any, image_bytes: int, size: int, status: int
):
    world = await open_sqlite_world(site=Site("http://linnet.test", limits=Limits(image_bytes=image_bytes)))
    alice = await world.person("alice")
    limits = (await world.client.get("/api/v2/instance")).json()["configuration"]["media_attachments"]
    assert limits["image_size_limit"] == image_bytes
    # No picture, so that what is not too large is refused for that.
    answer = await alice.post("/api/v2/media", files={"file": ("a.png", b"x" * size, "image/png")})
    assert answer.status == status, answer.body
