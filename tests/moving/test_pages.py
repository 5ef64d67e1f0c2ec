"""The pages: an archive asked for, watched, fetched and thrown away; a file handed in, and its report."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from linnet import app
from linnet.actions import exports, moving
from linnet.domain.errors import Conflict
from linnet.queries import exports as export_queries
from linnet.queries import imports as import_queries
from linnet.storage import jobs
from linnet.storage.database import Operation
from tests.storage.queries import sql
from tests.support import archives
from tests.support.client import VirtualClock, World, WorldOpener
from tests.support.pages import Browser, Page, person

MOVING = "/settings/moving"


async def _hand_in(ada: Browser, data: bytes, name: str = "a.zip", **fields: str) -> Page:
    files = {"file": (name, data, "application/zip")}
    return await ada.send(await ada.go(MOVING), "/settings/imports", fields, files=files)


async def test_an_archive_is_made_watched_and_fetched(world: World):
    ada = await person(world, "ada")
    await ada.send(await ada.go("/"), "/compose", {"status": "fresh bread"})
    page = await ada.send(await ada.go(MOVING), "/settings/exports", {})
    assert (page.status, page.location) == (303, f"{MOVING}?done=export")
    page = await ada.go(page.location)
    assert page.one("progress").get("value") == "0"
    assert page.all("meta", http_equiv="refresh")
    assert not [form for form in page.forms() if form.action == "/settings/exports"]
    await world.run_jobs()
    page = await ada.go(MOVING)
    assert not page.all("progress")
    assert not page.all("meta", http_equiv="refresh")
    link = next(one.get("href") for one in page.all("a") if one.get("href").endswith("/archive.zip"))
    answer = await ada.client.get(link, headers={"cookie": "; ".join(f"{n}={v}" for n, v in ada.cookies.items())})
    assert answer.header("content-disposition") == f'attachment; filename="linnet-ada-{_day(world)}.zip"'
    assert answer.header("content-length") == str(len(answer.body))
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert b"fresh bread" in archive.read("outbox.json")
    bob = await person(world, "bob")
    assert (await bob.get(link)).status == 404
    assert (await world.client.get(link)).status == 303
    await ada.send(page, f"{link.rpartition('/')[0]}/delete", {})
    assert (await ada.get(link)).status == 404
    await world.run_jobs()
    assert [key async for key in world.parts.blobs.keys()] == []  # noqa: SIM118  # not a dictionary


def _day(world: World) -> str:
    return datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).strftime("%Y-%m-%d")


async def test_the_bar_shows_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch):
    ada = await person(world, "ada")
    for number in range(8):
        await ada.send(await ada.go("/"), "/compose", {"status": f"number {number}"})
    await ada.send(await ada.go(MOVING), "/settings/exports", {})
    accounts = await world.database.read(lambda tx: tx.all(sql("select id from accounts")))
    made = (await export_queries.listed(world.database, accounts[0][0]))[0]
    monkeypatch.setattr(exports, "PIECE_BYTES", 100)
    tools = app.exporting(world.parts)
    seen = []
    for _ in range(6):
        await exports.step(tools, made.id)
        bar = (await ada.go(MOVING)).one("progress")
        seen.append((int(bar.get("value")), int(bar.get("max"))))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 8), (8, 8))


async def test_a_file_is_handed_in_and_reported(world: World):
    ada = await person(world, "ada")
    page = await _hand_in(ada, archives.zipped(archives.mastodon()), "mine.zip", profile="", visibility="unlisted")
    assert (page.status, page.location) == (303, f"{MOVING}?done=import")
    assert (await ada.go(MOVING)).one("progress").get("value") == "0"
    assert (await ada.get(MOVING)).html.count('action="/settings/imports"') == 0
    await world.run_jobs()
    page = await ada.go(MOVING)
    assert "mine.zip" in page.text
    assert "5 taken in, 1 were here already, 1 refused" in page.text
    address = next(one.get("href") for one in page.all("a") if one.get("href").startswith("/settings/imports/"))
    report = await ada.go(address)
    assert "is not in the archive" in report.text
    assert "a reply" in (await ada.go("/@ada/with_replies")).text
    assert (await (await person(world, "bob")).get(address)).status == 404


async def test_what_is_wrong_with_a_file_is_said_beside_it(world: World):
    ada = await person(world, "ada")
    page = await _hand_in(ada, b"")
    assert (page.status, "Has to be chosen" in page.text) == (422, True)
    page = await _hand_in(ada, b"x", type="everything")
    assert page.status == 422
    page = await _hand_in(ada, b"no archive")
    await world.run_jobs()
    assert "archive is neither a zip nor a tar archive" in (await ada.go(MOVING)).text


async def test_an_archive_expires(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(clock=VirtualClock())
    ada = await world.person("ada")
    await archives.exported(world, ada.id)
    await archives.imported(world, ada.id, b"nobody\n", "blocks")
    world.clock.advance(moving.REPORTS_MS + 1)
    await world.database.write(lambda tx: jobs.add(tx, "maintenance.archives", {}))
    await world.run_jobs()
    assert await export_queries.listed(world.database, ada.id) == []
    assert await import_queries.listed(world.database, ada.id) == []
    assert [key async for key in world.parts.blobs.keys()] == []  # noqa: SIM118  # not a dictionary


async def test_what_was_interrupted_bars_nobody_for_ever(open_any_world: WorldOpener):
    world = await open_any_world(clock=VirtualClock())
    ada = await world.person("ada")
    tools = app.exporting(world.parts)
    await exports.begin(tools, ada.id, Operation.once(world.parts.ids), as_job=False)
    with pytest.raises(Conflict):
        await exports.begin(tools, ada.id, Operation.once(world.parts.ids), as_job=False)
    world.clock.advance(exports.GIVEN_UP_MS + 1)
    await archives.exported(world, ada.id)
    assert [one.state for one in await export_queries.listed(world.database, ada.id)] == ["ready"]
