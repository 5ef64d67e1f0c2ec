"""Films and sounds from the upload to the page: taken at once, made ready by a job, served without what they tell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linnet.actions import maintenance, media
from linnet.domain.site import Limits, Site
from linnet.http.multipart import HELD_MAX, MultipartReader
from linnet.http.request import Request
from linnet.storage import jobs
from linnet.storage.statements import statement
from tests.support import films, pictures
from tests.support.asgi import http_scope, messages
from tests.support.client import Person, World

PLACE = "/api/v2/media"


def part(data: bytes, name: str = "file") -> dict[str, Any]:
    return {name: ("upload.bin", data, "application/octet-stream")}


async def send(person: Person, data: bytes, **form: str) -> dict[str, Any]:
    answer = await person.post(PLACE, files=part(data), form=form)
    assert answer.status == 202, answer.body
    return dict(answer.json())


async def ready(world: World, person: Person, data: bytes, **form: str) -> dict[str, Any]:
    new = await send(person, data, **form)
    await world.run_jobs()
    answer = await person.get(f"/api/v1/media/{new['id']}")
    assert answer.status == 200, answer.body
    return dict(answer.json())


async def served(world: World, url: str) -> bytes:
    answer = await world.client.get(url.removeprefix(world.site.origin))
    assert answer.status == 200
    return bytes(answer.body)


def kept(folder: Path) -> list[str]:
    root = folder / "media"
    found = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return sorted(name for name in found if not name.startswith(".temporary"))


async def test_a_film_is_taken_made_ready_by_a_job_and_served(world: World, tmp_path: Path):
    alice = await world.person("alice")
    form = {"description": "a red field", "focus": "0.5,-0.5"}
    new = await send(alice, films.film(tags=films.PLACED), **form)
    assert (new["type"], new["url"], new["preview_url"]) == ("video", None, None)
    assert (new["description"], new["meta"]) == ("a red field", {"focus": {"x": 0.5, "y": -0.5}})
    waiting = await alice.get(f"/api/v1/media/{new['id']}")
    assert (waiting.status, waiting.json()) == (206, new)
    assert [name.partition("/")[0] for name in kept(tmp_path)] == ["uploads"]
    await world.run_jobs()
    done = (await alice.get(f"/api/v1/media/{new['id']}")).json()
    assert done["type"] == "video"
    assert done["meta"]["focus"] == {"x": 0.5, "y": -0.5}
    original, small = done["meta"]["original"], done["meta"]["small"]
    assert (original["width"], original["height"], original["frame_rate"]) == (64, 48, "24")
    assert original["duration"] == pytest.approx(1, abs=0.05)
    assert original["bitrate"] > 50_000
    assert (small["width"], small["height"]) == (64, 48)
    assert done["blurhash"]
    made = await served(world, done["url"])
    assert b"Secret" not in made
    assert b"52.5163" not in made
    assert pictures.opened(await served(world, done["preview_url"])).width == 64
    assert [name.partition("/")[0] for name in kept(tmp_path)] == ["media", "media"]
    posted = await alice.post("/api/v1/statuses", json={"status": "", "media_ids": [new["id"]]})
    assert posted.json()["media_attachments"] == [done]


async def test_what_is_not_ready_cannot_be_posted_yet_and_that_is_said_as_mastodon_says_it(world: World):
    alice = await world.person("alice")
    new = await send(alice, films.film())
    answer = await alice.post("/api/v1/statuses", json={"status": "look", "media_ids": [new["id"]]})
    assert answer.status == 422
    assert answer.json()["error"] == (
        "Cannot attach files that have not finished processing. Try again in a moment!"
    )  # fmt: skip
    await world.run_jobs()
    assert (await alice.post("/api/v1/statuses", json={"status": "look", "media_ids": [new["id"]]})).status == 200


async def test_a_film_or_a_sound_stands_alone(world: World):
    alice = await world.person("alice")
    film = await ready(world, alice, films.film())
    picture = (await alice.post(PLACE, files=part(pictures.png()))).json()
    both = {"status": "both", "media_ids": [picture["id"], film["id"]]}
    answer = await alice.post("/api/v1/statuses", json=both)
    assert answer.status == 422
    assert answer.json()["error"] == "Cannot attach a video to a post that already contains images"


async def test_what_is_silent_is_a_gifv_and_so_is_an_animated_picture(world: World):
    alice = await world.person("alice")
    assert (await ready(world, alice, films.film(audio=None)))["type"] == "gifv"
    answer = await alice.post(PLACE, files=part(pictures.moving_gif(6)))
    assert answer.status == 200
    moving = answer.json()
    assert (moving["type"], moving["url"].rpartition(".")[2]) == ("gifv", "mp4")
    assert moving["meta"]["original"]["duration"] == 0.42
    assert moving["meta"]["original"]["frame_rate"] == "100/7"


@pytest.mark.parametrize("kind", films.SOUNDS)
async def test_a_sound_becomes_an_mp3_without_its_tags(world: World, kind: str):
    alice = await world.person("alice")
    done = await ready(world, alice, films.sound(*films.SOUNDS[kind], tags=films.PLACED))
    assert (done["type"], done["preview_url"]) == ("audio", None)
    assert done["meta"]["original"].keys() == {"duration", "bitrate"}
    made = await served(world, done["url"])
    assert b"Secret" not in made
    sound = films.opened(made, "mp3")
    assert [stream.codec_context.name for stream in sound.streams] == ["mp3float"]


async def test_the_picture_of_a_sleeve_is_the_preview(world: World):
    alice = await world.person("alice")
    done = await ready(world, alice, films.with_cover())
    assert (done["meta"]["small"]["width"], bool(done["blurhash"])) == (120, True)
    assert pictures.opened(await served(world, done["preview_url"])).width == 120
    assert b"Secret" not in await served(world, done["url"])


async def test_a_thumbnail_of_ones_own_is_kept_and_can_be_changed(world: World, tmp_path: Path):
    alice = await world.person("alice")
    own = pictures.png(pictures.drawing(90, 30))
    answer = await alice.post(PLACE, files={**part(films.film()), **part(own, "thumbnail")})
    new = answer.json()
    assert (answer.status, new["url"], new["meta"]["small"]["width"]) == (202, None, 90)
    await world.run_jobs()
    done = (await alice.get(f"/api/v1/media/{new['id']}")).json()
    assert (done["preview_url"], done["blurhash"]) == (new["preview_url"], new["blurhash"])
    assert (done["meta"]["small"]["width"], done["meta"]["original"]["width"]) == (90, 64)
    other = pictures.png(pictures.drawing(50, 50))
    changed = await alice.ask("PUT", f"/api/v1/media/{new['id']}", files=part(other, "thumbnail"))
    assert changed.status == 200
    assert changed.json()["meta"]["small"]["width"] == 50
    assert pictures.opened(await served(world, changed.json()["preview_url"])).width == 50
    assert len(kept(tmp_path)) == 2
    broken = await alice.ask("PUT", f"/api/v1/media/{new['id']}", files=part(b"no picture", "thumbnail"))
    assert (broken.status, list(broken.json()["details"])) == (422, ["thumbnail"])


async def test_a_thumbnail_that_comes_while_the_film_is_made_is_kept(world: World, tmp_path: Path):
    alice = await world.person("alice")
    new = await send(alice, films.film())
    own = pictures.png(pictures.drawing(90, 30))
    assert (await alice.ask("PUT", f"/api/v1/media/{new['id']}", files=part(own, "thumbnail"))).status == 206
    await world.run_jobs()
    done = (await alice.get(f"/api/v1/media/{new['id']}")).json()
    assert done["meta"]["small"]["width"] == 90
    assert len(kept(tmp_path)) == 2


BAD = {
    "lies": b"\x1a\x45\xdf\xa3" + bytes(4_000),
    "empty_film": b"\0\0\0\x18ftypisom\0\0\0\0mp42isom",
    "noise": b"ID3\x03\0\0\0\0\0\0" + bytes(range(256)) * 20,
    "truncated": films.film(frames=120)[:-6_000],
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_cannot_be_played_fails_once_and_says_so(world: World, tmp_path: Path, kind: str):
    alice = await world.person("alice")
    new = await send(alice, BAD[kind])
    await world.run_jobs()
    answer = await alice.get(f"/api/v1/media/{new['id']}")
    assert answer.status == 422
    assert answer.json()["error"].startswith("Validation failed: File ")
    assert kept(tmp_path) == []
    assert (await world.database.read(jobs.backlog))[:2] == (0, 0)
    post = await alice.post("/api/v1/statuses", json={"status": "look", "media_ids": [new["id"]]})
    assert (post.status, list(post.json()["details"])) == (422, ["media_ids"])
    assert (await alice.delete(f"/api/v1/media/{new['id']}")).status == 200


async def test_an_upload_that_is_deleted_before_its_turn_leaves_nothing(world: World, tmp_path: Path):
    alice = await world.person("alice")
    new = await send(alice, films.film())
    assert (await alice.delete(f"/api/v1/media/{new['id']}")).status == 200
    await world.run_jobs()
    assert kept(tmp_path) == []
    assert (await alice.get(f"/api/v1/media/{new['id']}")).status == 404


async def test_what_waits_has_no_address(world: World, tmp_path: Path):
    alice = await world.person("alice")
    await send(alice, films.film())
    (source,) = kept(tmp_path)
    assert source.startswith("uploads/")
    assert (await world.client.get(f"/files/{source}")).status == 404


async def test_how_large_and_how_long_a_film_may_be_is_the_operators_choice(open_sqlite_world: Any):
    limits = Limits(film_bytes=40_000, film_ms=2_000)
    world = await open_sqlite_world(site=Site("http://linnet.test", limits=limits))
    told = (await world.client.get("/api/v2/instance")).json()["configuration"]["media_attachments"]
    assert (told["video_size_limit"], told["video_matrix_limit"], told["video_frame_rate_limit"]) == (
        40_000, 8_294_400, 120,
    )  # fmt: skip
    assert {"video/mp4", "audio/mpeg", "image/png"} <= set(told["supported_mime_types"])
    alice = await world.person("alice")
    large = await alice.post(PLACE, files=part(films.film(frames=60)))
    assert large.status == 413
    new = await send(alice, films.film(audio=None, frames=72))
    await world.run_jobs()
    answer = await alice.get(f"/api/v1/media/{new['id']}")
    assert (answer.status, "longer than 2 seconds" in answer.json()["error"]) == (422, True)


async def test_a_large_upload_does_not_stand_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Five megabytes in pieces: no more than one megabyte and a piece is ever held, and no name is left behind."""
    held: list[int] = []
    feed = MultipartReader.feed

    def watched(reader: MultipartReader, chunk: bytes) -> None:
        feed(reader, chunk)
        held.append(reader.held)

    monkeypatch.setattr(MultipartReader, "feed", watched)
    data, piece = bytes(range(256)) * (20 << 10), 64 << 10
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    small = b'\r\n--x\r\ncontent-disposition: form-data; name="thumbnail"; filename="b"\r\n\r\nlittle\r\n--x--\r\n'
    body = head + data + small
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    scope = http_scope("POST", PLACE, [("content-type", "multipart/form-data; boundary=x")])
    request = Request(scope, messages(pieces))
    request.spool = tmp_path
    params = await request.params()
    assert max(held) < HELD_MAX + piece
    file = params["file"]
    assert (file.data, file.size, file.head(4), file.whole() == data) == (b"", len(data), bytes(range(4)), True)
    assert file.stream().read() == data
    assert params["thumbnail"].data == b"little"
    assert list(tmp_path.iterdir()) == []


async def test_uploads_of_every_kind_that_no_post_was_made_with_go_with_all_their_files(world: World, tmp_path: Path):
    alice = await world.person("alice")
    own = part(pictures.png(), "thumbnail")
    await alice.post(PLACE, files={**part(films.film()), **own})
    await alice.post(PLACE, files=part(films.with_cover()))
    await alice.post(PLACE, files=part(pictures.moving_gif()))
    await world.run_jobs()
    await alice.post(PLACE, files={**part(films.film()), **own})
    assert len(kept(tmp_path)) == 8
    everything = maintenance.Keeping(0, 0, 0, -60_000, 0, 0)
    assert await world.database.write(lambda tx: maintenance.uploads(tx, everything)) == 4
    await world.run_jobs()
    assert kept(tmp_path) == []


async def test_a_film_that_ends_its_worker_again_and_again_is_given_up(world: World, tmp_path: Path):
    alice = await world.person("alice")
    new = await send(alice, films.film())
    (job,) = await world.database.write(lambda tx: jobs.claim(tx, 1, 60_000))
    parts = world.parts
    tired = replace(job, attempts=media.ATTEMPTS + 1)
    await media.process(parts.database, parts.blobs, world.recordings, tired)
    assert (await alice.get(f"/api/v1/media/{new['id']}")).status == 422
    await world.run_jobs()
    assert kept(tmp_path) == []


async def test_a_film_whose_turn_it_is_not_waits_and_is_not_counted_as_a_failure(world: World):
    alice = await world.person("alice")
    new = await send(alice, films.film())
    (job,) = await world.database.write(lambda tx: jobs.claim(tx, 1, 60_000))
    parts = world.parts
    await world.recordings.close()
    await media.process(parts.database, parts.blobs, world.recordings, job)
    assert (await alice.get(f"/api/v1/media/{new['id']}")).status == 206
    soon = statement("jobs that are due", "select id from jobs where run_at <= :now")
    assert await world.database.read(lambda tx: tx.one(soon, now=parts.clock.now_ms())) is None
    assert await world.database.read(lambda tx: tx.one(soon, now=parts.clock.now_ms() + 60_000)) is not None
