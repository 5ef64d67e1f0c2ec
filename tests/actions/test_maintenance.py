"""Retention: what has had its time goes, what has not stays, a bounded number of rows a turn, by one worker of all."""

import os
from pathlib import Path
from typing import Any

import pytest

from linnet import app
from linnet.actions import emojis, maintenance, outbox, timelines
from linnet.config import Config
from linnet.domain import ids, times
from linnet.domain.times import DAY_MS
from linnet.jobs import retry
from linnet.media.pool import ImageWorker
from linnet.storage import jobs
from linnet.storage.database import Operation
from linnet.storage.statements import statement
from linnet.supervision import Tasks
from tests.support import pictures
from tests.support.client import VirtualClock, World

HOUR_MS = 3_600_000
KEPT = Config()


@pytest.fixture
async def aged(open_any_world: Any) -> World:
    """A server whose clock is ours."""
    world: World = await open_any_world(clock=VirtualClock())
    return world


async def count(world: World, table: str, where: str = "1 = 1") -> int:
    text = statement("count", f"select count(*) from {table} where {where}")
    found = await world.database.read(lambda tx: tx.one(text))
    assert found is not None
    return int(found[0])


async def files_of(world: World) -> list[str]:
    found = world.parts.blobs.keys()
    return [key async for key in found]


async def schedule(world: World) -> None:
    await maintenance.schedule(world.database, tuple(app.SCHEDULES))
    world.clock.advance(len(app.SCHEDULES) * 10_000)


async def run(world: World, text: str, **params: Any) -> None:
    await world.database.write(lambda tx: tx.run(statement("spoil", text), **params))


async def test_each_kind_waits_once_however_many_workers_ask(aged: World) -> None:
    for _ in range(3):
        await maintenance.schedule(aged.database, tuple(app.SCHEDULES))
    assert await count(aged, "jobs") == len(app.SCHEDULES)
    await schedule(aged)
    assert await aged.run_jobs() == len(app.SCHEDULES)
    assert await aged.run_jobs() == 0
    assert await count(aged, "jobs") == len(app.SCHEDULES)
    aged.clock.advance(HOUR_MS)
    hourly = sum(1 for row in app.SCHEDULES.values() if row.every_ms <= HOUR_MS)
    assert await aged.run_jobs() == hourly
    aged.clock.advance(DAY_MS)
    assert await aged.run_jobs() == len(app.SCHEDULES)


async def test_news_and_receipts_go_after_their_time(aged: World) -> None:
    alice = await aged.person("alice")
    await alice.post("/api/v1/statuses", json={"status": "old"}, headers={"Idempotency-Key": "old"})
    await aged.run_jobs()
    aged.clock.advance(KEPT.keep_changes - HOUR_MS)
    await alice.post("/api/v1/statuses", json={"status": "new"}, headers={"Idempotency-Key": "new"})
    await aged.run_jobs()
    changes, receipts = await count(aged, "changes"), await count(aged, "receipts", "key like '%new'")
    assert (changes >= 2, receipts) == (True, 1)
    aged.clock.advance(2 * HOUR_MS)
    await schedule(aged)
    await aged.run_jobs()
    assert 0 < await count(aged, "changes") < changes
    assert await count(aged, "receipts", "key like '%old'") == 0
    assert await count(aged, "receipts", "key like '%new'") == 1
    aged.clock.advance(KEPT.keep_changes)
    await aged.run_jobs()
    assert await count(aged, "receipts", "key like '%new'") == 0
    assert await count(aged, "statuses") == 2


async def test_a_turn_is_bounded_and_the_next_one_follows_at_once(aged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "ROWS", 2)
    for number in range(5):
        await aged.database.write(_write_row, Operation(f"r{number}"), returns=int)
    aged.clock.advance(KEPT.keep_receipts + 1)
    await maintenance.schedule(aged.database, ("maintenance.receipts",))
    aged.clock.advance(60_000)
    assert await aged.run_jobs() == 3
    assert await count(aged, "receipts", "key like 'r%'") == 0


async def _write_row(tx: Any) -> int:
    return 1


async def test_uploads_that_no_post_was_made_with_go_with_their_files(aged: World) -> None:
    alice = await aged.person("alice")

    async def upload() -> int:
        answer = await alice.post("/api/v2/media", files={"file": ("a.png", pictures.png(), "image/png")})
        assert answer.status == 200
        return int(answer.json()["id"])

    used, unused = await upload(), await upload()
    posted = await alice.post("/api/v1/statuses", json={"status": "look", "media_ids": [str(used)]})
    assert posted.status == 200
    files = await files_of(aged)
    await schedule(aged)
    await aged.run_jobs()
    assert await count(aged, "media_attachments") == 2
    aged.clock.advance(KEPT.keep_uploads + HOUR_MS)
    fresh = await upload()
    await aged.run_jobs()
    assert await count(aged, "media_attachments", f"id = {unused}") == 0
    assert await count(aged, "media_attachments", f"id in ({used}, {fresh})") == 2
    left = await files_of(aged)
    assert not [key for key in left if f"/{unused}/" in key]
    assert len([key for key in left if f"/{used}/" in key]) == len([key for key in files if f"/{used}/" in key]) > 0
    aged.clock.advance(KEPT.keep_uploads + HOUR_MS)
    await alice.ask("DELETE", f"/api/v1/statuses/{posted.json()['id']}")
    await aged.run_jobs()
    aged.clock.advance(HOUR_MS)
    await aged.run_jobs()
    assert await files_of(aged) == []


async def test_what_an_upload_that_was_cut_off_left_goes(aged: World, tmp_path: Path) -> None:
    await aged.parts.blobs.put("media/1/x/original.png", b"whole")
    folder = tmp_path / "media" / ".temporary"
    (folder / "old").write_bytes(b"half")
    os.utime(folder / "old", (0, 0))
    (folder / "new").write_bytes(b"half")
    await schedule(aged)
    await aged.run_jobs()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert await files_of(aged) == ["media/1/x/original.png"]


async def test_apps_that_nobody_signed_in_with_go(aged: World) -> None:
    form = {"client_name": "Try", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read"}
    assert (await aged.client.post("/api/v1/apps", form=form)).status == 200
    await aged.person("alice")
    assert await count(aged, "apps") == 2
    await schedule(aged)
    await aged.run_jobs()
    assert await count(aged, "apps") == 2
    aged.clock.advance(KEPT.keep_apps + DAY_MS)
    await aged.run_jobs()
    assert await count(aged, "apps", "name = 'Try'") == 0
    assert await count(aged, "apps") == 1


async def test_expired_mutes_and_old_uses_of_tags_free_their_rows(aged: World) -> None:
    alice, bob, carol = await aged.people("alice", "bob", "carol")
    await alice.post(f"/api/v1/accounts/{bob.id}/mute", form={"duration": "60"})
    await alice.post(f"/api/v1/accounts/{carol.id}/mute")
    await alice.post("/api/v1/statuses", json={"status": "#birds"})
    assert (await count(aged, "mutes"), await count(aged, "tag_uses")) == (2, 1)
    aged.clock.advance(9 * DAY_MS)
    await schedule(aged)
    await aged.run_jobs()
    assert (await count(aged, "mutes"), await count(aged, "tag_uses")) == (1, 0)


async def test_sessions_and_codes_that_were_not_used_go(aged: World) -> None:
    alice = await aged.person("alice")
    now = aged.clock.now_ms()
    await run(
        aged,
        "insert into sessions (hash, id, account_id, created_at, used_at) values ('a', 1, :account, :now, :now), "
        "('b', 2, :account, :now, :later)",
        account=alice.id, now=now, later=now + KEPT.keep_sessions,
    )  # fmt: skip
    await run(
        aged,
        "insert into email_tokens (hash, account_id, kind, email, expires_at) values ('x', 1, 'reset', 'e', :soon)",
        soon=now + 1000,
    )
    aged.clock.advance(KEPT.keep_sessions + HOUR_MS)
    await schedule(aged)
    await aged.run_jobs()
    assert (await count(aged, "sessions", "hash = 'a'"), await count(aged, "sessions", "hash = 'b'")) == (0, 1)
    assert await count(aged, "email_tokens") == 0


async def test_home_timelines_keep_their_newest_posts(aged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "READERS", 2)
    people = await aged.people("a", "b", "c", "d", "e")
    base = ids.first_at(aged.clock.now_ms())
    for person in people:
        for number in range(KEPT.home_entries + 5):
            await run(
                aged,
                "insert into home_entries (account_id, status_id) values (:a, :s)",
                a=person.id, s=base + number,
            )  # fmt: skip
    await schedule(aged)
    await aged.run_jobs()
    assert await count(aged, "home_entries") == len(people) * KEPT.home_entries
    assert await count(aged, "home_entries", f"status_id < {base + 5}") == 0


async def test_a_home_timeline_is_rebuilt_as_it_was(aged: World) -> None:
    reader, friend, stranger = await aged.people("reader", "friend", "stranger")
    for number in range(3):
        await friend.post("/api/v1/statuses", json={"status": f"before {number}"})
    await reader.post(f"/api/v1/accounts/{friend.id}/follow")
    await reader.post("/api/v1/statuses", json={"status": "mine"})
    await stranger.post("/api/v1/statuses", json={"status": "theirs"})
    await friend.post("/api/v1/statuses", json={"status": "after"})
    await aged.run_jobs()
    before = (await reader.get("/api/v1/timelines/home")).json()
    assert len(before) == 5
    await run(aged, "delete from home_entries where account_id = :a", a=reader.id)
    await run(aged, "insert into home_entries (account_id, status_id) select :a, max(id) from statuses", a=stranger.id)
    await timelines.rebuild(aged.database, reader.id, KEPT.home_entries)
    assert (await reader.get("/api/v1/timelines/home")).json() == before
    await timelines.rebuild(aged.database, stranger.id, KEPT.home_entries)
    assert await count(aged, "home_entries", f"account_id = {stranger.id}") == 1
    await timelines.rebuild(aged.database, reader.id, 2)
    assert await count(aged, "home_entries", f"account_id = {reader.id}") == 2


async def test_a_dead_job_is_kept_until_the_operator_tries_it_again(aged: World) -> None:
    await aged.database.write(lambda tx: jobs.add(tx, "maintenance.mutes", {}, once="schedule:maintenance.mutes"))
    (job,) = await aged.database.write(lambda tx: jobs.claim(tx, 5, 1000))
    assert retry.delay_ms(retry.ATTEMPTS, 0.5) is None
    await aged.database.write(lambda tx: jobs.bury(tx, job, "OSError: gone"))
    assert await aged.run_jobs() == 0
    # Another one of its kind may wait meanwhile: what is dead must not stop the work for ever.
    await maintenance.schedule(aged.database, ("maintenance.mutes",))
    assert await count(aged, "jobs") == 2
    assert await outbox.revive(aged.database, None) == 1
    assert await outbox.revive(aged.database, job.id) == 0
    assert await aged.run_jobs() == 1


async def test_files_of_a_replaced_emoji_go(aged: World) -> None:
    tasks = Tasks()
    images = ImageWorker(tasks)
    parts = aged.parts

    async def put(data: bytes) -> list[str]:
        operation = Operation(f"once:{parts.ids.next()}")
        await emojis.add(
            parts.database, parts.blobs, images, parts.ids, parts.chance, "finch", data, None, operation
        )  # fmt: skip
        return await files_of(aged)

    try:
        first = await put(pictures.png())
        second = await put(pictures.moving_gif())
        assert set(first) < set(second)
        await aged.run_jobs()
        left = await files_of(aged)
        assert set(left) == set(second) - set(first)
        await emojis.remove(parts.database, "finch", Operation("once:remove"))
        await aged.run_jobs()
        assert await files_of(aged) == []
    finally:
        await images.close()
        await tasks.close()


async def test_weeks_are_counted_while_they_last_and_kept_for_twelve(aged: World) -> None:
    (person,) = await aged.people("alice")
    await person.post("/api/v1/statuses", json={"status": "one"})
    monday = times.week_start(aged.clock.now_ms())
    for number in range(14):
        await aged.database.write(lambda tx: maintenance.weeks(tx, app.keeping(aged.parts)))
        await aged.database.write(lambda tx: maintenance.weeks(tx, app.keeping(aged.parts)))
        if number < 13:
            aged.clock.advance(7 * DAY_MS)
    found = (await aged.client.get("/api/v1/instance/activity")).json()
    assert [int(week["week"]) for week in found] == [(monday + n * 7 * DAY_MS) // 1000 for n in range(13, 1, -1)]
    assert {week["statuses"] for week in found} == {"0"}
    assert await count(aged, "weeks") <= 13
    await person.post("/api/v1/statuses", json={"status": "two"})
    await aged.database.write(lambda tx: maintenance.weeks(tx, app.keeping(aged.parts)))
    assert (await aged.client.get("/api/v1/instance/activity")).json()[0]["statuses"] == "1"
