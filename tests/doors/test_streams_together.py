"""Several changes at a time: looked up together, told one by one, and nobody who comes meanwhile misses one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.queries import streams as queries
from linnet.storage.changes import Change, Position
from linnet.streaming import hub as hubs
from linnet.streaming.channels import HOME
from linnet.streaming.door import Knock
from tests.support.client import WorldOpener
from tests.support.hub import Carrier, Kept, kept_hub
from tests.support.waiting import until


@pytest.fixture
async def kept(open_sqlite_world: WorldOpener) -> AsyncIterator[Kept]:
    async with kept_hub(open_sqlite_world) as kept:
        yield kept


async def test_several_posts_are_looked_up_together(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    alice, bob = await kept.world.person("alice"), await kept.world.person("bob")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    _, own = await kept.open(alice)
    _, followers = await kept.open(bob)
    await kept.hub.turn()
    monkeypatch.setattr(queries, "on_home", None)
    posted = [await kept.post(alice) for _ in range(3)]
    await kept.hub.turn()
    assert own.ids("update") == followers.ids("update") == posted
    assert kept.words.prepared == [6]


async def test_where_they_cannot_be_looked_up_together_each_is_by_itself(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    alice = await kept.world.person("alice")
    _, stream = await kept.open(alice)
    monkeypatch.setattr(queries, "on_homes", None)
    posted = [await kept.post(alice) for _ in range(2)]
    await kept.hub.turn()
    assert stream.ids("update") == posted


async def test_who_begins_to_follow_in_between_hears_of_what_comes_after(kept: Kept):
    alice, bob = await kept.world.person("alice"), await kept.world.person("bob")
    _, stream = await kept.open(bob)
    await kept.post(alice)
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    after = [await kept.post(alice) for _ in range(2)]
    await kept.hub.turn()
    assert stream.ids("update") == after


async def test_who_comes_while_posts_are_looked_up_hears_of_each_once(kept: Kept):
    alice = await kept.world.person("alice")
    _, first = await kept.open(alice)
    before = str(kept.hub.told)
    posted = [await kept.post(alice) for _ in range(3)]
    kept.words.looked.clear()
    turn = asyncio.ensure_future(kept.hub.turn())
    await until(lambda: kept.words.prepared)
    coming = []
    for position in (before, None):
        carrier = Carrier()
        knock = Knock("/api/v1/streaming/user", {}, f"Bearer {alice.token}", None, None, "192.0.2.1")
        opened = await kept.door.admit(knock, carrier, server_sent=True)
        opened.open(HOME, position)
        coming.append(carrier)
    await kept.seconds(1)
    kept.words.looked.set()
    await turn
    await until(lambda: all(len(one.ids("update")) == 3 for one in coming))
    await kept.hub.turn()
    assert first.ids("update") == posted
    assert [one.ids("update") for one in coming] == [posted, posted]


@given(kinds=st.lists(st.sampled_from(["status.posted", "notification.created", "follow.began", "account.changed"])))
def test_changes_are_looked_up_in_their_order_and_never_beyond_one_that_changes_who_hears(kinds: list[str]):
    rows = [Change(Position(1, 1, number), 0, kind, 1, number) for number, kind in enumerate(kinds)]
    ranges = list(hubs._ranges(rows))
    assert [change for some in ranges for change in some] == rows
    for some in ranges:
        assert 0 < len(some) <= hubs.AHEAD
        assert len(some) == 1 or not {change.kind for change in some} & {"follow.began", "account.changed"}
