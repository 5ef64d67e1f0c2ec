"""A proxy that asks again because it was not answered names the request, and so it is carried out once."""

from typing import Any

from linnet.http.proxies import Proxies
from tests.support.client import Person, World


async def _posted(person: Person, name: str, **more: str) -> Any:
    headers = {"X-Linnet-Operation": name, **more}
    answer = await person.post("/api/v1/statuses", json={"status": "hello"}, headers=headers)
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def test_what_a_trusted_proxy_asks_again_is_done_once(any_world: World):
    any_world.application._proxies = Proxies(("198.51.100.0/24",))
    anna, bert = await any_world.people("anna", "bert")
    first = await _posted(anna, "one")
    assert await _posted(anna, "one") == first
    assert await _posted(anna, "two") != first
    assert await _posted(bert, "one") != first, "the name is the request's, not everybody's"
    assert len({await _posted(anna, "three", **{"Idempotency-Key": key}) for key in "ab"}) == 2, (
        "the client's goes first"
    )


async def test_nobody_else_names_requests(any_world: World):
    anna = await any_world.person("anna")
    assert await _posted(anna, "one") != await _posted(anna, "one")
    any_world.application._proxies = Proxies(("192.0.2.0/24",))
    assert await _posted(anna, "one") != await _posted(anna, "one")
