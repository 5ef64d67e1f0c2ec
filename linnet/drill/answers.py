"""Whether the same question has the same answer whoever asks it wherever: a cache that lies gives itself away so."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from linnet.drill.client import Client, Wanted
from linnet.drill.findings import Finding, none_of, unknown
from linnet.drill.records import Evidence, Person, Plan

DIFFERING = "answers that differ between nodes"
STALE = "answers that differ from an uncached one"
SAMPLED = 60
TRIES = 3

Say = Callable[[str], None]
Answers = Mapping[tuple[str, str], bytes]
"""(who asked, the path) -> the body, or the reason why there is none."""


class Question(NamedTuple):
    """A path, and whoever is answered the same to it."""

    path: str
    readers: tuple[Person, ...]


def shared(evidence: Evidence) -> list[Question]:
    """What is the same for all readers: accounts, and some of the posts, for all but their authors.

    A cluster keeps each reader's requests on one node: so readers stand for nodes here.
    """
    people = evidence.people
    asked = [Question(f"/api/v1/accounts/{person.id}", people) for person in people]
    for plan, id in _some(evidence):
        readers = tuple(person for person in people if person.id != plan.author)
        asked.append(Question(f"/api/v1/statuses/{id}", readers))
    return [question for question in asked if len(question.readers) > 1]


def own(evidence: Evidence) -> list[Question]:
    """What each reader is answered alone."""
    asked = [
        Question(path, (person,))
        for person in evidence.people
        for path in ("/api/v1/timelines/home?limit=40", "/api/v1/timelines/public?local=true&limit=40")
    ]
    authors = {person.id: person for person in evidence.people}
    return asked + [Question(f"/api/v1/statuses/{id}", (authors[plan.author],)) for plan, id in _some(evidence)]


def _some(evidence: Evidence) -> list[tuple[Plan, str]]:
    told = evidence.acknowledged()
    posts = [(plan, told[plan.key]) for plan in evidence.of(Plan) if plan.key in told]
    return posts[:: max(1, len(posts) // SAMPLED)]


async def answered(client: Client, questions: Iterable[Question]) -> Answers:
    """What everybody is answered now, at one endpoint after another."""
    found = {}
    turn = 0
    for question in questions:
        for person in question.readers:
            turn += 1
            endpoint = client.endpoints[turn % len(client.endpoints)]
            answer = await client.ask(Wanted("GET", question.path, person.token), endpoint)
            found[person.name, question.path] = answer.body if answer.good else answer.why.encode()
    return found


_MARKS = re.compile(rb'"(?:favourited|reblogged|bookmarked|muted)":(?:true|false)')


def _unmarked(body: bytes) -> bytes:
    """Without what a reader has done to a post."""
    return _MARKS.sub(b"", body)


def between(answers: Answers, questions: Iterable[Question]) -> list[str]:
    """A sentence for each reader who is answered something else than the first."""
    return [
        f"{path} as @{readers[0].name} and as @{other.name}: {_parting(first, body)}"
        for path, readers in questions
        for first in (_unmarked(answers[readers[0].name, path]),)
        for other in readers[1:]
        if (body := _unmarked(answers[other.name, path])) != first
    ]


def since(before: Answers, after: Answers) -> list[str]:
    """A sentence for each answer that is not what it was."""
    return [
        f"{path} as @{name}: {_parting(body, after[name, path])}"
        for (name, path), body in before.items()
        if body != after[name, path]
    ]


def _parting(first: bytes, other: bytes) -> str:
    """Where two bodies part."""
    pairs = enumerate(zip(first, other, strict=False))
    same = next((place for place, (one, two) in pairs if one != two), min(len(first), len(other)))
    start = max(0, same - 20)
    return f"{first[start : same + 40]!r} / {other[start : same + 40]!r}"


async def differing(client: Client, evidence: Evidence, say: Say) -> Finding:
    """Whether all readers are answered the same. What differs is asked again: a poll may have ended meanwhile."""
    questions = shared(evidence)
    if not questions:
        return unknown(DIFFERING, "–", "it takes more people to ask the same")
    say(f"asking {len(questions)} questions as everybody")
    bad: Sequence[str] = ()
    for _ in range(TRIES):
        bad = between(await answered(client, questions), questions)
        if not bad:
            break
        await client.clock.sleep(1.0)
    return none_of(DIFFERING, f"of {sum(len(question.readers) for question in questions):,}", bad)


async def uncached(client: Client, evidence: Evidence, empty: Callable[[], Awaitable[None]], say: Say) -> Finding:
    """Whether caches, whatever was done to them, answer what those say that ``empty`` has left with nothing."""
    questions = [*own(evidence), *shared(evidence)]
    say(f"asking {len(questions)} questions, emptying the caches, and asking again")
    bad: Sequence[str] = ()
    for _ in range(TRIES):
        before = await answered(client, questions)
        await empty()
        bad = since(before, await answered(client, questions))
        if not bad:
            break
        await client.clock.sleep(1.0)
    return none_of(STALE, f"of {sum(len(question.readers) for question in questions):,}", bad)
