"""The load of a drill: posts and reads at a steady rate, whatever becomes of the ones before, and who listens."""

import asyncio
import math
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from linnet.drill.client import READ_SECONDS, WRITE_SECONDS, Answer, Client, Wanted
from linnet.drill.ledger import Ledger
from linnet.drill.live import Figures, Tally
from linnet.drill.machine import Busy, speed
from linnet.drill.posters import UPLOADS_HELD, Posters, request, upload
from linnet.drill.readers import Readers
from linnet.drill.records import Attempt, Deed, Evidence, Failure, Mark, Person, Plan, Read, Sample
from linnet.drill.signers import sign_in
from linnet.drill.streams import Listener
from linnet.ports import Clock
from linnet.supervision import Tasks
from linnet.system import SystemChance, SystemClock

SAMPLE_SECONDS = 0.5
UPLOAD_SECONDS = 0.5
UNDER_WAY_MAX = 5_000
"""More requests than these are not begun: who is asked cannot be helped any more, and we would be the next to fall."""
STREAM_PATIENCE_SECONDS = 30.0
WARM_READS = 3


class Pace(NamedTuple):
    """Posts and reads a second, and how many streams listen (None: two an endpoint); how many apps sign in a second. To
    ten posts, somebody favourites one."""

    rate: float = 30.0
    reads: float = 100.0
    streams: int | None = None
    sign_ins: float = 0.0


def spread(number: int, people: int, endpoints: int) -> int:
    """Which endpoint somebody's turn is at: all in turn, and everybody comes to each, whatever the numbers share."""
    return (number + number // math.lcm(people, endpoints)) % endpoints


class NotServing(Exception):
    """The load could not begin: an endpoint does not acknowledge, or no stream opens there."""


class Load:
    """``async with Load(…) as load: await load.warm(); …``: behind the block, all that was begun has ended.

    One folder a run. ``run`` begins the key of every post of it.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        people: Sequence[Person],
        pace: Pace,
        folder: Path,
        *,
        clock: Clock | None = None,
        source: str | None = None,
    ) -> None:
        if not people:
            raise ValueError("a load needs people")
        self.client = Client(endpoints, clock or SystemClock(), source)
        self.clock = self.client.clock
        self.run = SystemChance().secret(4).hex()
        self._people = {person.id: person for person in people}
        self._pace = pace
        self._ledger = Ledger(folder)
        self._posters = Posters(self.run, people)
        self._readers = Readers(people)
        self._tally = Tally(self.client.endpoints)
        self._listeners: list[Listener] = []
        self._tasks = Tasks()
        self._background = Tasks()
        self._under_way = 0
        self._newest = ""
        self._idle = asyncio.Event()
        self._began = self._ended = 0.0
        self._began_ms = 0
        self._speed = 0.0
        self._stopping = self._abandoned = False

    async def __aenter__(self) -> "Load":
        self._speed = speed()
        await self.client.__aenter__()
        for listener in self._listening():
            self._listeners.append(listener)
            self._background.start(f"listen-{listener.name}", listener.run())
        self._background.start("uploads", self._uploading())
        self._background.start("samples", self._sampling())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            # Whoever ends the drill before its time waits for nobody: what is not known by then is not known.
            if kind is None:
                await self.stop()
        finally:
            self._ended = self._ended or self.clock.monotonic()
            # First who begins requests, then those that were begun.
            await self._background.close()
            await self._tasks.close()
            await self.client.__aexit__()
            self._ledger.close()

    # -- what whoever runs the drill does with it ---------------------------------------------------------------------

    async def warm(self, timeout_s: float = 30.0) -> None:
        """Begins: returns when each endpoint serves and each stream has a position, and posts and reads go on.

        Raises NotServing.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(listener.begun.wait() for listener in self._listeners))
                for endpoint in self.client.endpoints:
                    await self._serves(endpoint)
        except TimeoutError:
            silent = [listener.name for listener in self._listeners if not listener.begun.is_set()]
            why = f"no stream opened for {', '.join(silent)}" if silent else "not every endpoint answered"
            raise NotServing(f"{why} in {timeout_s:.0f} s") from None
        self._began, self._began_ms = self.clock.monotonic(), self.clock.now_ms()
        self._tally.begin(self._began)
        self._background.start("posting", self._steadily(self._pace.rate, self._post))
        self._background.start("reading", self._steadily(self._pace.reads, self._read))
        self._background.start("favouriting", self._steadily(self._pace.rate / 10, self._favourite))
        self._background.start("signing in", self._steadily(self._pace.sign_ins, self._sign_in))

    def mark(self, mark: Mark) -> None:
        """A fault, when it is over."""
        self._ledger.write(mark)

    def figures(self) -> Figures:
        """How it stands now."""
        return self._tally.figures(self.clock.monotonic(), self._under_way)

    async def stop(self) -> None:
        """Begins nothing more; waits for what is under way, and for the streams to have told what there is to tell."""
        if self._stopping:
            return
        self._stopping = True
        self._ended = self.clock.monotonic()
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        if self._began:
            await self._streams_told()

    async def abandon(self) -> None:
        """Waits for nothing any more: what is under way stays unanswered."""
        self._abandoned = True
        await self._background.close()
        await self._tasks.close()

    def evidence(self) -> Evidence:
        """All that was written down."""
        ended = self._ended or self.clock.monotonic()
        return Evidence(
            began=self._began or ended,
            ended=ended,
            run=self.run,
            endpoints=self.client.endpoints,
            people=tuple(self._people.values()),
            rate=self._pace.rate,
            reads=self._pace.reads,
            began_ms=self._began_ms,
            speed=self._speed,
            not_begun=self._tally.not_begun,
            listeners={listener.name: listener.person.id for listener in self._listeners if listener.begun.is_set()},
            records=self._ledger.records,
        )

    # -- posts and reads ----------------------------------------------------------------------------------------------

    async def _steadily(self, rate: float, begin: Any) -> None:
        """Begins one after another at its time, open-loop: none waits for another's answer."""
        began, count = self.clock.monotonic(), 0
        while rate > 0 and not self._stopping:
            due = began + count / rate
            late = self.clock.monotonic() - due
            if late < 0:
                await self.clock.sleep(-late)
                continue
            if self._under_way < UNDER_WAY_MAX:
                self._start(begin(count))
            else:
                self._tally.not_begun += 1
            count += 1
            if count % 50 == 0:
                await self.clock.sleep(0)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._under_way += 1
        self._tasks.start("request", work).add_done_callback(self._done)

    def _done(self, _: object) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    def _endpoint(self, number: int) -> str:
        return self.client.endpoints[spread(number, len(self._people), len(self.client.endpoints))]

    async def _post(self, number: int) -> None:
        plan = self._posters.next(self.clock.monotonic())
        self._ledger.write(plan)

        def watch(answer: Answer) -> None:
            id = str(answer.json()["id"]) if answer.good else None
            self._ledger.write(
                Attempt(answer.began, answer.ended, plan.key, answer.endpoint, answer.status, id, answer.why)
            )
            self._tally.attempted(answer)
            if id is not None:
                self._posters.said(plan.author, id)
                self._readers.told(self._people[plan.author], id)
                self._newest = id

        answer = await self.client.ask(request(plan, self._people[plan.author].token), self._endpoint(number), watch)
        self._tally.posted(answer)
        if not answer.good:
            self._ledger.write(Failure(answer.ended, plan.key, answer.endpoint, answer.why))

    async def _read(self, number: int) -> None:
        what, wanted = self._readers.next()
        answer = await self.client.ask(wanted, self._endpoint(number), self._tally.attempted)
        self._tally.read(answer)
        if answer.good and what == "public":
            self._readers.saw(answer.body)
            if self._readers.seen:
                self._posters.saw(self._readers.seen)
        why = f"{answer.why} ({wanted.path})" if answer.why else ""
        self._ledger.write(Read(answer.began, answer.ended, what, answer.endpoint, answer.attempts, answer.status, why))

    async def _favourite(self, number: int) -> None:
        """A write of another kind: it may wait for a primary, and must not fail."""
        id = self._newest
        if not id:
            return
        person = self._posters.author(number)
        wanted = Wanted("POST", f"/api/v1/statuses/{id}/favourite", person.token, seconds=WRITE_SECONDS)
        answer = await self.client.ask(wanted, self._endpoint(number), self._tally.attempted)
        if not answer.good:
            self._tally.failed += 1
        self._ledger.write(
            Deed(answer.began, answer.ended, person.id, id, answer.endpoint, answer.attempts, answer.status, answer.why)
        )

    async def _sign_in(self, number: int) -> None:
        refused = await sign_in(self.client, self._endpoint(number))
        if refused is not None:
            step, answer = refused
            self._tally.failed += 1
            self._ledger.write(Failure(answer.ended, step, answer.endpoint, answer.why))

    async def _serves(self, endpoint: str) -> None:
        """Waits until an endpoint answers for itself."""
        person = next(iter(self._people.values()))
        wanted = Wanted("GET", "/api/v1/timelines/home?limit=1", person.token, seconds=READ_SECONDS)
        served = 0
        while served < WARM_READS:
            answer = await self.client.once(wanted, endpoint)
            if answer.status in (401, 403):
                raise NotServing(f"{endpoint} does not let @{person.name} in: {answer.why}")
            served = served + 1 if answer.good else 0
            if not answer.good:
                await self.clock.sleep(0.2)

    # -- beside them --------------------------------------------------------------------------------------------------

    def _listening(self) -> list[Listener]:
        people, endpoints = list(self._people.values()), self.client.endpoints
        count = len(endpoints) * 2 if self._pace.streams is None else self._pace.streams
        found = []
        for number in range(count):
            person, endpoint = people[number % len(people)], endpoints[number // 2 % len(endpoints)]
            kind = ("websocket", "events")[number % 2]
            name = f"{person.name} ({kind} {number + 1})"
            found.append(Listener(self.client, person, endpoint, kind, name, self._ledger.write))
        return found

    async def _uploading(self) -> None:
        """Keeps a few uploads ready for each author."""
        number = 0
        while not self._stopping:
            number += 1
            person = self._posters.author(number)
            held = self._posters.uploads[person.id]
            if len(held) < UPLOADS_HELD // len(self._people) + 1:
                id, why = await upload(self.client, person, number, self._endpoint(number))
                if id is not None:
                    held.append(id)
                elif not self._stopping:
                    now = self.clock.monotonic()
                    self._ledger.write(Failure(now, f"upload-{number}", self._endpoint(number), why))
                    self._tally.failed += 1
            await self.clock.sleep(UPLOAD_SECONDS)

    async def _sampling(self) -> None:
        busy = Busy()
        while True:
            due = self.clock.monotonic() + SAMPLE_SECONDS
            await self.clock.sleep(SAMPLE_SECONDS)
            now = self.clock.monotonic()
            sample = Sample(now, round(busy.part(), 3), round(max(0.0, now - due), 4))
            self._ledger.write(sample)
            self._tally.cpu = sample.cpu

    async def _streams_told(self) -> None:
        """Until every listener has heard of every post, or nothing has come for a while: what is missing then, is."""
        told = {id for plan, id in self._told() if plan.visibility != "direct"}
        patience, before = self.clock.monotonic() + STREAM_PATIENCE_SECONDS, -1
        while self.clock.monotonic() < patience and not self._abandoned:
            missing = sum(len(told - listener.heard) for listener in self._listeners)
            if not missing:
                return
            if missing != before:
                patience, before = self.clock.monotonic() + STREAM_PATIENCE_SECONDS, missing
            await self.clock.sleep(0.2)

    def _told(self) -> list[tuple[Plan, str]]:
        evidence = self.evidence()
        acknowledged = evidence.acknowledged()
        return [(plan, acknowledged[plan.key]) for plan in evidence.of(Plan) if plan.key in acknowledged]
