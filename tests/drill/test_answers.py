"""Answers that should be the same and are not: between readers, and before and after caches were emptied."""

from collections import Counter

from aiohttp import web

from linnet.drill import answers
from linnet.drill.answers import DIFFERING, STALE
from linnet.drill.client import Client
from linnet.drill.records import Evidence, Person
from tests.support.ledgers import acknowledged, evidence, plan
from tests.support.loopback import HastyClock, serving

PEOPLE = tuple(Person(str(11 + number), name, f"token-{name}") for number, name in enumerate(("ada", "bert", "cleo")))


class Server:
    """Answers everybody with the path; ``lies`` are what is said instead, ``times`` how often."""

    def __init__(self) -> None:
        self.lies: dict[tuple[str, str], str] = {}
        self.times = 1_000
        self.asked: Counter[str] = Counter()

    async def __call__(self, request: web.Request) -> web.Response:
        name = request.headers["Authorization"].removeprefix("Bearer token-")
        self.asked[request.path] += 1
        lie = self.lies.get((name, request.path))
        if lie and self.times:
            self.times -= 1
            return web.Response(text=lie)
        return web.Response(text=f"the answer to {request.path_qs}")

    async def empty(self) -> None:
        self.lies.clear()


def _run(*people: Person) -> Evidence:
    records = [record for number in range(200) for record in (plan(number, 100.0), acknowledged(number, 100.0))]
    found = evidence(records)
    found.people = people
    return found


def _silent(_: str) -> None:
    """Nobody looks on."""


async def test_who_is_answered_otherwise_is_named_with_what() -> None:
    server = Server()
    server.lies["cleo", "/api/v1/accounts/12"] = "the answer to /api/v1/accounts/99"
    async with serving(server) as url, Client([url], HastyClock()) as client:
        found = await answers.differing(client, _run(*PEOPLE), _silent)
    assert found.promise == DIFFERING
    assert found.value == 1
    assert "/api/v1/accounts/12 as @ada and as @cleo" in found.evidence[0]
    assert "accounts/12" in found.evidence[0]
    assert "accounts/99" in found.evidence[0]


async def test_what_differs_for_a_moment_only_is_forgiven() -> None:
    server = Server()
    server.lies["cleo", "/api/v1/accounts/12"] = "older"
    server.times = 1
    async with serving(server) as url, Client([url], HastyClock()) as client:
        assert (await answers.differing(client, _run(*PEOPLE), _silent)).kept


async def test_what_a_reader_has_done_to_a_post_is_no_difference() -> None:
    server = Server()
    for person, marked in (("bert", "true"), ("cleo", "false")):
        server.lies[person, "/api/v1/statuses/1000"] = f'{{"favourited":{marked},"content":"Tea."}}'
    async with serving(server) as url, Client([url], HastyClock()) as client:
        assert (await answers.differing(client, _run(*PEOPLE), _silent)).kept
        server.lies["cleo", "/api/v1/statuses/1000"] = '{"favourited":false,"content":"Coffee."}'
        assert (await answers.differing(client, _run(*PEOPLE), _silent)).kept is False


async def test_authors_are_not_compared_with_readers_and_posts_are_sampled() -> None:
    server = Server()
    async with serving(server) as url, Client([url], HastyClock()) as client:
        found = await answers.differing(client, _run(*PEOPLE), _silent)
    statuses = [path for path in server.asked if "/statuses/" in path]
    assert answers.SAMPLED <= len(statuses) < 2 * answers.SAMPLED
    assert all(server.asked[path] == 2 for path in statuses)
    assert found.measured == f"0 of {2 * len(statuses) + 9}"


async def test_one_reader_has_nobody_to_be_compared_with() -> None:
    async with serving(Server()) as url, Client([url], HastyClock()) as client:
        found = await answers.differing(client, _run(PEOPLE[0]), _silent)
    assert found.kept is None
    assert found.bar == "–"


async def test_a_cache_that_lies_is_found_by_emptying_it() -> None:
    server = Server()
    path = "/api/v1/timelines/home"
    server.lies["bert", path] = "rubbish"
    emptied = []

    async def empty() -> None:
        emptied.append(True)
        if len(emptied) == 1:
            server.lies.clear()
        else:
            server.lies["bert", path] = f"rubbish {len(emptied)}"

    async with serving(server) as url, Client([url], HastyClock()) as client:
        found = await answers.uncached(client, _run(*PEOPLE), empty, _silent)
        assert found.promise == STALE
        assert found.kept is False
        assert f"{path}?limit=40 as @bert" in found.evidence[0]
        good = await answers.uncached(client, _run(*PEOPLE), server.empty, _silent)
    assert good.kept
