"""Whether the same question has the same answer wherever it is asked: a cache that lies gives itself away so."""

from collections.abc import Callable, Mapping, Sequence

from linnet.drill.client import Client, Wanted
from linnet.drill.findings import Finding, none_of, unknown
from linnet.drill.records import Person

DIFFERING = "answers that differ between nodes"
SAMPLED = 60
TRIES = 3

Answers = Mapping[tuple[str, str], bytes]
"""(whose token, the path) -> the body, or the reason why there is none."""


def questions(people: Sequence[Person], ids: Sequence[str]) -> list[tuple[Person, str]]:
    """What is asked: everybody's home, the public timeline, accounts, and some of the posts."""
    step = max(1, len(ids) // SAMPLED)
    asked = [(person, "/api/v1/timelines/home?limit=40") for person in people]
    asked += [(people[0], "/api/v1/timelines/public?local=true&limit=40")]
    asked += [(people[0], f"/api/v1/accounts/{person.id}") for person in people]
    asked += [(people[number % len(people)], f"/api/v1/statuses/{id}") for number, id in enumerate(ids[::step])]
    return asked


async def snapshot(client: Client, endpoint: str, asked: Sequence[tuple[Person, str]]) -> Answers:
    """What one endpoint answers to all of it now."""
    found = {}
    for person, path in asked:
        answer = await client.once(Wanted("GET", path, person.token), endpoint)
        found[person.name, path] = answer.body if answer.good else answer.why.encode()
    return found


def differences(first: Answers, other: Answers, where: str) -> list[str]:
    """A sentence for each answer that is not the same."""
    return [
        f"{path} as @{name} at {where}: {_at(body, other.get((name, path), b''))}"
        for (name, path), body in first.items()
        if body != other.get((name, path))
    ]


def _at(first: bytes, other: bytes) -> str:
    """Where two bodies part."""
    same = next(
        (place for place, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), min(len(first), len(other))
    )
    start = max(0, same - 20)
    return f"{first[start : same + 40]!r} / {other[start : same + 40]!r}"


async def differing(
    client: Client, people: Sequence[Person], ids: Sequence[str], say: Callable[[str], None]
) -> Finding:
    """Every endpoint is asked the same. What differs is asked again: a poll may have ended meanwhile."""
    if len(client.endpoints) < 2:
        return unknown(DIFFERING, "–", "there is only one endpoint")
    asked = questions(people, ids)
    say(f"asking {len(client.endpoints)} endpoints the same {len(asked)} questions")
    bad: list[str] = []
    for _ in range(TRIES):
        first = await snapshot(client, client.endpoints[0], asked)
        bad = []
        for endpoint in client.endpoints[1:]:
            bad += differences(first, await snapshot(client, endpoint, asked), endpoint)
        if not bad:
            break
        await client.clock.sleep(1.0)
    return none_of(DIFFERING, f"of {len(asked)}, at {len(client.endpoints)} endpoints", bad)
