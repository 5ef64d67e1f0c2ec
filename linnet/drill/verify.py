"""After a run: asks the server for all that it should show now, and judges what clients were told by it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from linnet.drill import answers, judging, replicas
from linnet.drill.client import Client, Wanted
from linnet.drill.findings import Finding
from linnet.drill.records import Deed, Evidence, Person, Plan
from linnet.drill.shown import Found, Shown, Walked, shown
from linnet.ports import Clock
from linnet.system import SystemClock

Say = Callable[[str], None]
PAGE = 40
STRANGE_PAGES = 3
"""So many pages in a row without a post of the run: what follows is older than it."""
TURN_SECONDS = 1.0


async def verify(
    evidence: Evidence,
    *,
    databases: Sequence[str] = (),
    home_entries: int = judging.HOME_ENTRIES,
    patience_s: float = 120.0,
    say: Say = lambda _: None,
    clock: Clock | None = None,
    source: str | None = None,
) -> list[Finding]:
    """What is found about each promise. Waits for what is still to come (fan-out, what was journalled) while anything
    comes, and no longer than ``patience_s``. ``databases`` are URLs of one PostgreSQL host each."""
    async with Client(evidence.endpoints, clock or SystemClock(), source) as client:
        asked = _Asking(client, evidence)
        found = await _settled(asked, evidence, home_entries, patience_s, say)
        differing = await answers.differing(client, evidence, say)
    findings = [
        *judging.posts(evidence, found),
        judging.effects(evidence, found, home_entries),
        judging.requests(evidence),
        *judging.pauses(evidence),
        *judging.streams(evidence, found),
        differing,
    ]
    if databases:
        findings += await replicas.compare(databases, evidence.run, client.clock, say)
    return findings


async def _settled(asked: "_Asking", evidence: Evidence, home_entries: int, patience_s: float, say: Say) -> Found:
    """What is shown, once everything that is to be expected has come, or no more comes."""
    clock = asked.client.clock
    deadline = patience = clock.monotonic() + patience_s
    least = 0
    turn = say
    while True:
        found = await asked.everything(turn)
        turn = _silence
        findings = [*judging.posts(evidence, found), judging.effects(evidence, found, home_entries)]
        missing = sum(int(finding.value) for finding in findings) or len(found.trouble)
        if not missing:
            return found
        now = clock.monotonic()
        if not least or missing < least:
            least, patience = missing, now + patience_s / 4
        if now > min(deadline, patience):
            return found
        say(f"{missing:,} things are not there yet: looking again")
        await clock.sleep(TURN_SECONDS)


def _silence(_: str) -> None:
    """Of the second look on, only what is still missing is said."""


class _Asking:
    """Asks for what a run has left behind, at all endpoints in turn."""

    def __init__(self, client: Client, evidence: Evidence) -> None:
        self.client = client
        self._evidence = evidence
        self._turn = cycle(client.endpoints)

    async def everything(self, say: Say) -> Found:
        found = Found()
        people = self._evidence.people
        say(f"walking the posts of {len(people)} accounts")
        for listed in await asyncio.gather(*(self._posts_of(person, found) for person in people)):
            for one in listed:
                found.by_key.setdefault(one.key, []).append(one)
        told = self._evidence.acknowledged()
        say(f"asking for {len(told):,} acknowledged posts by their ids")
        await self._by_id(told, found)
        say(f"walking {len(people)} home timelines, and mentions")
        for person, home in zip(people, await asyncio.gather(*(self._home(one, found) for one in people)), strict=True):
            found.homes[person.id] = home
        notified = await asyncio.gather(*(self._mentions(one, found) for one in people))
        for person, mentions in zip(people, notified, strict=True):
            found.mentions[person.id] = mentions
            found.favourited[person.id] = await self._favourited(person, found)
        return found

    async def _json(self, path: str, person: Person, found: Found) -> Any:
        """None where it is not there (404), or could not be had, which is then a trouble."""
        answer = await self.client.ask(Wanted("GET", path, person.token), next(self._turn))
        if answer.good:
            return answer.json()
        if answer.status != 404:
            found.trouble.append(f"GET {answer.endpoint}{path}: {answer.why}")
        return None

    async def _pages(self, path: str, person: Person, found: Found) -> list[list[Any]]:
        """From the newest to the end, or to where nothing of the run has come for a while."""
        pages: list[list[Any]] = []
        strange, last = 0, ""
        while strange < STRANGE_PAGES:
            page = await self._json(f"{path}{f'&max_id={last}' if last else ''}", person, found)
            if not page:
                break
            pages.append(page)
            last = page[-1]["id"]
            ours = any(self._evidence.run in (one.get("status") or one).get("content", "") for one in page)
            strange = 0 if ours else strange + 1
        return pages

    async def _posts_of(self, person: Person, found: Found) -> list[Shown]:
        pages = await self._pages(f"/api/v1/accounts/{person.id}/statuses?limit=40", person, found)
        every = [shown(self._evidence.run, status) for page in pages for status in page]
        return [one for one in every if one.key]

    async def _by_id(self, told: dict[str, str], found: Found) -> None:
        authors = {plan.key: plan.author for plan in self._evidence.of(Plan)}
        for person in self._evidence.people:
            ids = [id for key, id in told.items() if authors[key] == person.id]
            for first in range(0, len(ids), PAGE):
                query = "&".join(f"id[]={id}" for id in ids[first : first + PAGE])
                for status in await self._json(f"/api/v1/statuses?{query}", person, found) or ():
                    found.by_id[str(status["id"])] = shown(self._evidence.run, status)
            for id in ids:
                if id not in found.by_id:
                    status = await self._json(f"/api/v1/statuses/{id}", person, found)
                    found.by_id[id] = shown(self._evidence.run, status) if status else None

    async def _favourited(self, person: Person, found: Found) -> set[str]:
        """Of the posts that somebody favourited, those of which the server says so."""
        ids = sorted({deed.about for deed in self._evidence.of(Deed) if deed.person == person.id})
        there: set[str] = set()
        for first in range(0, len(ids), PAGE):
            query = "&".join(f"id[]={id}" for id in ids[first : first + PAGE])
            statuses = await self._json(f"/api/v1/statuses?{query}", person, found) or ()
            there |= {str(status["id"]) for status in statuses if status["favourited"]}
        return there

    async def _home(self, person: Person, found: Found) -> Walked:
        pages = await self._pages("/api/v1/timelines/home?limit=40", person, found)
        every = [str(status["id"]) for page in pages for status in page]
        return Walked(Counter(every), len(every))

    async def _mentions(self, person: Person, found: Found) -> Walked:
        pages = await self._pages("/api/v1/notifications?types[]=mention&limit=40", person, found)
        every = [str(one["status"]["id"]) for page in pages for one in page if one.get("status")]
        return Walked(Counter(every), len(every))
