"""The child that decodes pictures: what kills or stalls it hurts one picture only, and it never outlives its use."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linnet.domain.errors import Invalid, Unavailable
from linnet.media.messages import Limits
from linnet.media.pool import Bounds, ImageWorker
from linnet.supervision import Tasks
from tests.support import pictures
from tests.support.waiting import until

MIB = 1024 * 1024


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def start():
    tasks = Tasks()
    workers: list[ImageWorker] = []

    def make(limits: Limits | None = None, **bounds) -> ImageWorker:
        workers.append(ImageWorker(tasks, limits, Bounds(**bounds)))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.close()
    await tasks.close()


async def warm(worker: ImageWorker) -> int:
    """The child's process id, after a first picture."""
    await worker.process(pictures.png(), "attachment")
    assert worker.child_pid is not None
    return worker.child_pid


async def test_pictures_of_all_uses_go_through_one_child(start):
    worker = start()
    assert worker.child_pid is None
    pid = await warm(worker)
    for kind in ("attachment", "avatar", "header", "emoji"):
        result = await worker.process(pictures.moving_gif(3, 90, 60), kind)
        assert result.meta["original"].width in {60, 90}
    assert worker.child_pid == pid


async def test_a_refusal_keeps_its_words_and_the_child(start):
    worker = start()
    pid = await warm(worker)
    with pytest.raises(Invalid) as caught:
        await worker.process(b"<svg onload='x'/>", "attachment")
    assert caught.value.field == "file"
    assert caught.value.why.startswith("SVG is not accepted")
    with pytest.raises(Invalid, match="incomplete or damaged"):
        await worker.process(pictures.png()[:-100], "attachment")
    assert worker.child_pid == pid


async def test_too_many_bytes_are_refused_before_a_child_is_started(start):
    worker = start(Limits(bytes_max=1000))
    with pytest.raises(Invalid, match="larger than"):
        await worker.process(bytes(1001), "attachment")
    assert worker.child_pid is None


async def test_many_at_once_get_their_own_answers(start):
    worker = start()
    sizes = list(range(10, 18))
    results = await asyncio.gather(
        *(worker.process(pictures.png(pictures.drawing(size, 9)), "attachment") for size in sizes)
    )
    assert [result.meta["original"].size for result in results] == [f"{size}x9" for size in sizes]


async def test_the_queue_is_bounded(start):
    worker = start(waiting_max=2)
    answers = await asyncio.gather(
        *(worker.process(pictures.png(), "attachment") for _ in range(5)), return_exceptions=True
    )
    assert [isinstance(answer, Unavailable) for answer in answers] == [False, False, True, True, True]


async def test_a_stalled_child_is_killed_and_the_next_picture_gets_another(start):
    worker = start(wall_s=3.0)
    pid = await warm(worker)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Invalid, match="could not be processed in time"):
        await worker.process(pictures.png(), "attachment")
    assert not alive(pid)
    assert await warm(worker) != pid


async def test_a_crash_costs_one_picture(start):
    worker = start()
    pid = await warm(worker)
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.gather(*(worker.process(pictures.png(), "attachment") for _ in range(2)), return_exceptions=True)
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    first, second = await asked
    assert isinstance(first, Invalid)
    assert first.why == "could not be processed"
    assert not isinstance(second, BaseException)
    assert second.meta["original"].size == "300x200"
    assert worker.child_pid != pid


async def test_a_child_that_died_while_idle_costs_nothing(start):
    worker = start()
    pid = await warm(worker)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.child_pid is None)
    assert await warm(worker) != pid


async def test_endless_work_is_stopped_by_the_processor_limit(start):
    worker = start(cpu_s=0)
    pid = await warm(worker)
    with pytest.raises(Invalid, match="could not be processed in time"):
        await worker.process(pictures.gif_of_frames(1_000, 500, 600), "attachment")
    assert not alive(pid)


async def test_the_processor_limit_is_for_each_picture(start):
    """A child that has used up many shares in its life still takes the next picture."""
    worker = start(cpu_s=1)
    pid = await warm(worker)
    noisy = pictures.jpeg(pictures.photo(2500, 2000))
    while sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) < 300:
        await worker.process(noisy, "attachment")
    assert worker.child_pid == pid


async def test_hunger_for_memory_hurts_only_the_child(start):
    worker = start(memory_bytes=224 * MIB)
    await warm(worker)
    hungry = pictures.png(pictures.drawing(6000, 5000).bandjoin(255), interlace=True, compression=1)
    with pytest.raises(Invalid) as caught:
        await worker.process(hungry, "attachment")
    assert caught.value.field == "file"
    await warm(worker)
    roomy = start()
    assert (await roomy.process(hungry, "avatar")).meta["original"].size == "400x400"


async def test_the_idle_child_is_ended_and_the_next_picture_starts_one(start):
    worker = start(idle_s=0.3)
    pid = await warm(worker)
    await until(lambda: not alive(pid))
    assert worker.child_pid is None
    assert await warm(worker) != pid


async def test_a_picture_longer_than_the_idle_time_is_finished(start):
    worker = start(idle_s=0.05)
    result = await worker.process(pictures.jpeg(pictures.photo(2500, 2000)), "attachment")
    assert result.meta["original"].size == "2500x2000"


async def test_an_asker_who_goes_away_leaves_no_answer_behind_for_the_next(start):
    worker = start()
    pid = await warm(worker)
    os.kill(pid, signal.SIGSTOP)
    gone = asyncio.ensure_future(worker.process(pictures.png(pictures.drawing(77, 7)), "attachment"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    result = await worker.process(pictures.png(pictures.drawing(33, 3)), "attachment")
    assert result.meta["original"].size == "33x3"
    assert gone.cancelled()
    assert not alive(pid)


async def test_closing_ends_the_child_and_tells_those_who_wait(start):
    worker = start()
    pid = await warm(worker)
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.gather(*(worker.process(pictures.png(), "attachment") for _ in range(2)), return_exceptions=True)
    await asyncio.sleep(0)
    await worker.close()
    assert not alive(pid)
    assert [type(answer) for answer in await asked] == [Unavailable, Unavailable]
    with pytest.raises(Unavailable):
        await worker.process(pictures.png(), "attachment")


async def test_the_child_knows_no_secrets_and_may_not_write(start, monkeypatch):
    monkeypatch.setenv("LINNET_SECRET", "hidden")
    pid = await warm(start())
    assert b"LINNET_SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()
    limits = {line[:26].strip(): line[26:47].strip() for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert limits["Max address space"] == str(1024 * MIB)


PARENT = """
import asyncio, sys
from linnet.media.pool import ImageWorker
from linnet.supervision import Tasks
from tests.support import pictures
from tests.support.waiting import until

async def main():
    worker = ImageWorker(Tasks())
    await worker.process(pictures.png(), "attachment")
    print(worker.child_pid, flush=True)
    while "busy" in sys.argv:
        await worker.process(pictures.jpeg(pictures.photo(1500, 1000)), "attachment")
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("busy", ["idle", "busy"])
async def test_no_orphan_remains_when_the_server_is_killed(busy):
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, busy, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert alive(child)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))


async def test_noise_on_stdout_is_not_taken_for_an_answer(start):
    """Whatever a decoder prints goes to the log, not into the conversation."""
    pid = await warm(start())
    assert os.readlink(f"/proc/{pid}/fd/1") == os.readlink(f"/proc/{pid}/fd/2")
