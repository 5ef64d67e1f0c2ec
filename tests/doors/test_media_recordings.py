"""The child that makes films and sounds: every kind comes out plain, every lie is refused, nothing outlives its use."""

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from linnet.domain.errors import Invalid, Unavailable
from linnet.media.messages import Recording, RecordingLimits
from linnet.media.recording_pool import Bounds, RecordingWorker
from tests.support import films, pictures
from tests.support.waiting import until

Make = Callable[..., RecordingWorker]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Make]:
    workers: list[RecordingWorker] = []

    def make(limits: RecordingLimits | None = None, **bounds: Any) -> RecordingWorker:
        workers.append(RecordingWorker(limits or RecordingLimits(), tmp_path / "lock", Bounds(**bounds)))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.close()


async def made(worker: RecordingWorker, folder: Path, data: bytes) -> tuple[Recording, bytes]:
    with films.on_disk(folder, data) as source, films.on_disk(folder, b"") as target:
        found = await worker.process(source, target)
        target.seek(0)
        return found, target.read()


async def refusal(worker: RecordingWorker, folder: Path, data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        await made(worker, folder, data)
    assert caught.value.field == "file"
    return caught.value.why


@pytest.mark.parametrize("kind", films.KINDS)
async def test_every_kind_of_film_becomes_an_mp4_with_its_index_in_front(start: Make, tmp_path: Path, kind: str):
    found, data = await made(start(), tmp_path, films.film(*films.KINDS[kind], tags=films.PLACED))
    assert (found.type, found.mime, found.extension) == ("video", "video/mp4", "mp4")
    film = films.opened(data)
    assert sorted(stream.codec_context.name for stream in film.streams) == ["aac", "h264"]
    assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert sum(1 for _ in film.decode(video=0)) == 24
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    assert not any(word in data for word in (b"Secret", b"52.5163", b"13.3777"))
    assert found.preview is not None
    assert pictures.opened(found.preview.files["small.jpeg"]).width == 64


async def test_what_every_browser_plays_is_not_encoded_again(start: Make, tmp_path: Path):
    film = films.film()
    _, data = await made(start(), tmp_path, film)
    one, other = (
        [bytes(packet) for packet in films.opened(whole).demux(video=0) if packet.size] for whole in (film, data)
    )
    assert one == other


async def test_a_stream_beside_the_picture_does_not_go_along(start: Make, tmp_path: Path):
    """Cameras write where they are into a stream of its own."""
    film = films.with_attachment("SecretTrack")
    assert b"SecretTrack" in film
    found, data = await made(start(), tmp_path, film)
    assert found.type == "gifv"
    assert b"SecretTrack" not in data
    assert len(films.opened(data).streams) == 1


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize(("turn", "size"), [(90, (48, 64)), (-90, (48, 64)), (180, (64, 48))])
async def test_a_film_that_was_held_upright_is_shown_so(
    start: Make, tmp_path: Path, codec: str, turn: int, size: tuple[int, int]
):
    found, data = await made(start(), tmp_path, films.film("mov", codec, turn=turn))
    assert (found.measures.width, found.measures.height) == size
    frame = next(films.opened(data).decode(video=0))
    shown = (frame.height, frame.width) if frame.rotation in (90, -90) else (frame.width, frame.height)
    assert shown == size
    # The first row of the picture is dark: where it comes to lie says which way it was turned.
    assert found.preview is not None
    assert pictures.opened(found.preview.files["small.jpeg"]).width == size[0]


async def test_a_large_film_is_made_smaller_and_a_fast_one_slower(start: Make, tmp_path: Path):
    film = films.film("webm", "libvpx", None, width=2400, height=1200, frames=12, rate=120)
    found, data = await made(start(), tmp_path, film)
    assert found.measures.width is not None
    assert found.measures.height is not None
    assert found.measures.width * found.measures.height <= 1920 * 1080
    times = [frame.time for frame in films.opened(data).decode(video=0)]
    assert min(b - a for a, b in pairwise(times)) >= 0.9 / 60


async def test_an_odd_size_comes_out_even(start: Make, tmp_path: Path):
    found, data = await made(start(), tmp_path, films.film("webm", "libvpx", None, width=63, height=47))
    assert (found.measures.width, found.measures.height) == (62, 46)
    assert next(films.opened(data).decode(video=0)).width == 62


LIMITS = RecordingLimits(
    bytes_max=1 << 20, pixels_max=100 * 100, side_max=150, frame_rate_max=30, film_seconds_max=2, sound_seconds_max=3
)
TOO_MUCH = {
    "pixels": (films.film(width=128, height=96, frames=3), "128x96: at most 10000 pixels"),
    "side": (films.film(width=160, height=16, frames=3), "160x16"),
    "rate": (films.film(rate=60, frames=90), "more than 30 frames a second"),
    "seconds": (films.film(frames=60), "longer than 2 seconds"),
    "sound": (films.sound(seconds=4), "longer than 3 seconds"),
    "bytes": (films.film(frames=2) + bytes(1 << 20), "larger than 1 MiB"),
    "webm": (films.film("webm", "libvpx", None, frames=60, options={"live": "1"}), "longer than 2 seconds"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
async def test_what_is_too_much_is_refused_by_name(start: Make, tmp_path: Path, what: str):
    data, words = TOO_MUCH[what]
    assert words in await refusal(start(LIMITS), tmp_path, data)


def lying(data: bytes, box: bytes, offset: int, value: int) -> bytes:
    """A film in whose first ``box`` a number of four bytes is another one."""
    changed = bytearray(data)
    struct.pack_into(">I", changed, data.index(box) + offset, value)
    return bytes(changed)


BASE = films.film()
LIES = {
    "empty": b"",
    "text": b"these are only words, of a file that is called film.mp4",
    "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "no_boxes": b"\0\0\0\x18ftypisom\0\0\0\0mp42isom",
    "webm_head": b"\x1a\x45\xdf\xa3" + bytes(300),
    "ogg_head": b"OggS" + bytes(300),
    "flac_head": b"fLaC" + bytes(300),
    "wav_head": b"RIFF\xff\xff\xff\xffWAVE" + bytes(300),
    "mp3_noise": b"ID3\x03\0\0\0\0\0\0" + bytes(range(256)) * 30,
    "endless_sample_table": lying(BASE, b"stsz", 12, 0xFFFFFFF0),
    "truncated": films.film(frames=120)[:-6_000],
    "half": BASE[: len(BASE) // 2],
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_lies_is_refused_and_nothing_is_opened_for_it(start: Make, tmp_path: Path, lie: str):
    worker = start()
    assert await refusal(worker, tmp_path, LIES[lie])
    assert worker.child_pid is None


async def test_every_flipped_byte_of_the_index_ends_well(start: Make, tmp_path: Path):
    """Made or refused, never anything else; the child that it might kill is the film's own."""
    worker, at = start(), BASE.index(b"moov")
    for offset in range(at, len(BASE), max(1, (len(BASE) - at) // 25)):
        changed = bytearray(BASE)
        changed[offset] ^= 0xFF
        with suppress(Invalid):
            found, _ = await made(worker, tmp_path, bytes(changed))
            assert 0 < found.measures.duration <= 15 * 60


async def test_a_film_that_costs_too_much_time_is_stopped(start: Make, tmp_path: Path):
    film = films.film("webm", "libvpx", None, width=1280, height=720, frames=48)
    assert await refusal(start(cpu_s=0), tmp_path, film) == "could not be processed in time"
    assert await refusal(start(wall_s=0.05), tmp_path, film) == "could not be processed in time"


async def test_a_film_that_writes_too_much_is_stopped(start: Make, tmp_path: Path):
    assert await refusal(start(file_bytes=4_096), tmp_path, films.film())


async def test_hunger_for_memory_hurts_only_the_child(start: Make, tmp_path: Path):
    film = films.film("webm", "libvpx", None, width=3000, height=2000, frames=6)
    assert await refusal(start(memory_bytes=300 << 20), tmp_path, film)
    assert (await made(start(), tmp_path, films.film()))[0].type == "video"


async def test_the_child_knows_no_secrets_and_is_bounded(start: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINNET_SECRET", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    worker = start(file_bytes=5 << 20)
    work = asyncio.ensure_future(made(worker, tmp_path, films.film("webm", "libvpx", None, frames=240)))
    await until(lambda: worker.child_pid is not None and confined(worker.child_pid))
    folder = Path(f"/proc/{worker.child_pid}")
    assert b"hidden" not in (folder / "environ").read_bytes()
    assert limits(folder)["Max core file size"] == "0"
    assert limits(folder)["Max file size"] == str(5 << 20)
    assert limits(folder)["Max address space"] == str(2 << 30)
    assert (await work)[0].type == "gifv"
    assert worker.child_pid is None


def limits(folder: Path) -> dict[str, str]:
    return {line[:26].strip(): line[26:47].strip() for line in (folder / "limits").read_text().splitlines()}


def confined(pid: int) -> bool:
    """The number of open files is bounded last."""
    return limits(Path(f"/proc/{pid}")).get("Max open files") == "32"


async def test_a_crash_costs_one_film_and_the_next_one_gets_its_turn(start: Make, tmp_path: Path):
    worker = start()
    first = asyncio.ensure_future(made(worker, tmp_path, films.film("webm", "libvpx", None, frames=240)))
    second = asyncio.ensure_future(made(worker, tmp_path, films.film()))
    await until(lambda: worker.child_pid is not None)
    os.kill(worker.child_pid or 0, signal.SIGSEGV)
    with pytest.raises(Invalid, match="could not be processed"):
        await first
    assert (await second)[0].type == "video"


async def test_one_at_a_time_on_a_machine_and_few_wait(start: Make, tmp_path: Path):
    worker, other = start(waiting_max=2), start()
    slow = asyncio.ensure_future(made(worker, tmp_path, films.film("webm", "libvpx", None, frames=240)))
    await until(lambda: worker.child_pid is not None)
    with pytest.raises(Unavailable):
        await made(other, tmp_path, films.film())
    waiting = asyncio.ensure_future(made(worker, tmp_path, films.film()))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await made(worker, tmp_path, films.film())
    assert [(await slow)[0].type, (await waiting)[0].type] == ["gifv", "video"]
    assert (await made(other, tmp_path, films.film()))[0].type == "video"


async def test_closing_ends_the_child(start: Make, tmp_path: Path):
    worker = start()
    work = asyncio.ensure_future(made(worker, tmp_path, films.film("webm", "libvpx", None, frames=240)))
    await until(lambda: worker.child_pid is not None)
    pid = worker.child_pid
    await worker.close()
    with pytest.raises(Unavailable):
        await work
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Unavailable):
        await made(worker, tmp_path, films.film())
