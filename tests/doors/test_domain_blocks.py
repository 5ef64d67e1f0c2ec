"""Somebody blocks a whole server: nothing of it is shown to them from then on, and what ties to it is ended."""

import pytest

from linnet.actions import domain_blocks as actions
from linnet.actions import statuses
from linnet.domain import servers
from linnet.domain.errors import Invalid
from linnet.domain.statuses import Draft
from linnet.storage import relations
from linnet.storage.database import Operation
from linnet.storage.statements import statement
from tests.contract.cast import remote
from tests.doors.test_lists import following, ids

BLOCKS = "/api/v1/domain_blocks"
FAR = "far.example"


async def posts(world, author: int, text: str) -> str:
    return str(await statuses.post(world.database, world.site, author, Draft(text), Operation(f"{author} {text}")))


async def follows(world, account: int, target: int) -> None:
    await world.database.write(lambda tx: relations.follow(tx, account, target))


async def counts(person) -> tuple[int, int]:
    account = (await person.get(f"/api/v1/accounts/{person.id}")).json()
    return account["followers_count"], account["following_count"]


async def test_a_blocked_server_is_not_seen_and_what_ties_to_it_ends(any_world, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actions, "BATCH", 1)
    world = any_world
    alice, bob = await world.people("alice", "bob")
    strangers = [await remote(world, FAR, name) for name in ("one", "two")]
    near = await remote(world, "near.example")
    for other in (*strangers, near):
        await follows(world, alice.id, other)
    await follows(world, strangers[1], alice.id)
    await following(alice, bob)
    theirs = [await posts(world, other, "hello #engine @alice") for other in (*strangers, near)]
    boost = (await bob.post(f"/api/v1/statuses/{theirs[0]}/reblog")).json()["id"]
    await world.run_jobs()
    streams = ("/api/v1/timelines/home", "/api/v1/timelines/public", "/api/v1/timelines/tag/engine")
    before = [await ids(alice, stream) for stream in streams]
    assert all(set(theirs[1:]) <= set(found) for found in before)
    assert boost in before[0]
    assert (await counts(alice)) == (1, 4)
    assert (await alice.get(f"{BLOCKS}/preview?domain={FAR}")).json() == {"following_count": 2, "followers_count": 1}
    for _ in range(2):
        assert (await alice.post(BLOCKS, json={"domain": FAR.upper()})).json() == {}
    waiting = statement("test.jobs", "select count(*) from jobs where kind = 'domain.blocked'")
    assert tuple(await world.database.read(lambda tx: tx.one(waiting))) == (1,)
    # Before any work is done in the background.
    assert [await ids(alice, stream) for stream in streams] == [[theirs[2]]] * 3
    assert {one["account"]["acct"] for one in (await alice.get("/api/v1/notifications")).json()} == {
        "stranger@near.example"
    }
    assert await ids(bob, streams[1]) == theirs[::-1]
    told = statement("test.told", "select count(*) from notifications where account_id = :id and status_id = :status")
    given = {"id": alice.id, "status": int(await posts(world, strangers[0], "again, @alice"))}
    assert tuple(await world.database.read(lambda tx: tx.one(told, **given))) == (0,)
    stands = (await alice.get(f"/api/v1/accounts/relationships?id[]={strangers[0]}")).json()[0]
    assert stands["domain_blocking"] is True
    assert (await alice.post(f"/api/v1/accounts/{strangers[0]}/follow")).status == 403
    await world.run_jobs()
    assert (await counts(alice)) == (0, 2)
    assert (await alice.get(BLOCKS)).json() == [FAR]
    assert (await alice.delete(BLOCKS, form={"domain": FAR})).json() == {}
    assert (await alice.get(BLOCKS)).json() == []
    assert set(theirs) <= set(await ids(alice, streams[1]))
    assert not set(theirs[:2]) & set(await ids(alice, streams[0]))


async def test_a_block_that_is_taken_back_at_once_ends_nothing(world):
    (alice,) = await world.people("alice")
    await follows(world, alice.id, await remote(world, FAR))
    await alice.post(BLOCKS, json={"domain": FAR})
    await alice.delete(BLOCKS, json={"domain": FAR})
    await world.run_jobs()
    assert (await counts(alice)) == (0, 1)


async def test_only_servers_can_be_blocked_and_only_so_many(world):
    (alice,) = await world.people("alice")
    for wrong in ("", "word", "two words.example", "http://far.example", "linnet.test", "a" * 300 + ".example", "-.-"):
        assert (await alice.post(BLOCKS, json={"domain": wrong})).status == 422, wrong
    many = statement(
        "test.blocks",
        "insert into domain_blocks (account_id, domain, id) with recursive c(n) as (select 1 union all "
        "select n + 1 from c where n < :count) select :account_id, n || '.example', n from c",
    )
    await world.database.write(lambda tx: tx.run(many, count=servers.BLOCKED_MAX, account_id=alice.id))
    assert (await alice.post(BLOCKS, json={"domain": "1.example"})).status == 200
    assert (await alice.post(BLOCKS, json={"domain": FAR})).status == 422
    assert len((await alice.get(f"{BLOCKS}?limit=200")).json()) == 200


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" Far.Example. ", FAR),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("far.example:8443", "far.example:8443"),
    ],
)
def test_a_domain_has_one_form(text: str, name: str):
    assert servers.domain(text, "linnet.test") == name
    with pytest.raises(Invalid):
        servers.domain(text, name)
