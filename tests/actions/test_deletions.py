"""Deleting an account: nothing of it is left but its name, and what it counted for others is counted off."""

import pytest

from linnet.actions import deletions, sign_up, suspensions
from linnet.domain.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from linnet.queries import access
from linnet.storage.database import Operation
from linnet.storage.statements import statement
from tests.support.pictures import drawing, png

KEPT = frozenset({
    "accounts", "moderation_log", "receipts", "changes", "jobs", "migrations", "apps", "tags", "tag_uses", "settings",
    "writers",
})  # fmt: skip
"""Tables that name accounts for other reasons, or none."""


async def rows(world, text: str, **params):
    found = await world.database.read(lambda tx: tx.all(statement("test", text), **params))
    return [tuple(row) for row in found]


async def post(person, text: str, **more) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def busy(world):
    """Alice has done everything to bob that there is, and he to her; carol reads."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    picture = {"avatar": ("a.png", png(drawing(60, 60)), "image/png")}
    form = {"note": "private words"}
    assert (await alice.patch("/api/v1/accounts/update_credentials", form=form, files=picture)).status == 200
    media = (await alice.post("/api/v2/media", files={"file": ("b.png", png(drawing(50, 50)), "image/png")})).json()
    theirs = await post(bob, "his words")
    for number in range(60):
        await post(alice, f"her words {number} #tag @bob", in_reply_to_id=theirs)
    hers = await post(alice, "a picture", media_ids=[media["id"]])
    for one, other, status in ((alice, bob, theirs), (bob, alice, hers), (carol, alice, hers)):
        await one.post(f"/api/v1/accounts/{other.id}/follow")
        for verb in ("favourite", "reblog", "bookmark"):
            assert (await one.post(f"/api/v1/statuses/{status}/{verb}")).status == 200
        await one.post(f"/api/v1/accounts/{other.id}/note", json={"comment": "a note"})
    await alice.post(f"/api/v1/statuses/{hers}/pin")
    await alice.post(f"/api/v1/accounts/{carol.id}/mute")
    await alice.post("/api/v1/markers", json={"home": {"last_read_id": hers}})
    await world.run_jobs()
    return alice, bob, carol, theirs


async def test_nothing_is_left_of_a_deleted_account_but_its_name(any_world):
    world = any_world
    alice, bob, carol, theirs = await busy(world)
    await deletions.delete(world.database, alice.id, alice.id, Operation("delete"))
    assert (await bob.get(f"/api/v1/accounts/{alice.id}")).status == 404
    assert (await bob.get("/api/v1/accounts/search?q=alice")).json() == []
    with pytest.raises(Unauthenticated):
        await access.by_token(world.database, alice.token)
    await world.run_jobs()

    for table, column in await owned(world):
        found = await rows(world, f"select count(*) from {table} where {column} = :id", id=alice.id)
        assert found == [(0,)], f"{table}.{column}"
    files = world.parts.blobs.keys()
    assert {key async for key in files} == set()
    status = (await bob.get(f"/api/v1/statuses/{theirs}")).json()
    assert (status["replies_count"], status["favourites_count"], status["reblogs_count"]) == (0, 0, 0)
    for person, statuses in ((bob, 1), (carol, 0)):
        account = (await person.get(f"/api/v1/accounts/{person.id}")).json()
        assert (account["followers_count"], account["following_count"]) == (0, 0)
        assert account["statuses_count"] == statuses
    assert (await carol.get("/api/v1/timelines/home")).json() == []
    new = sign_up.NewUser("ALICE", "alice@example.org", "")
    with pytest.raises(Invalid) as taken:
        await sign_up.create_account(world.database, new)
    assert taken.value.field == "username"
    with pytest.raises(NotFound):
        await suspensions.unsuspend(world.database, None, alice.id, Operation("unsuspend"))
    with pytest.raises(NotFound):
        await deletions.delete(world.database, None, alice.id, Operation("again"))


async def test_what_somebody_has_much_of_goes_in_batches(any_world, monkeypatch):
    world = any_world
    alice, bob = await world.people("alice", "bob")
    for number in range(7):
        status = await post(bob, f"for alice alone {number} @alice", visibility="direct")
        await alice.post(f"/api/v1/statuses/{status}/bookmark")
    monkeypatch.setattr(deletions, "ROWS", 2)
    turns = 0
    while await world.database.write(lambda tx: deletions._lists(tx, alice.id)):
        turns += 1
    assert turns == 3
    for table in ("bookmarks", "conversations", "conversation_statuses"):
        found = await rows(world, f"select count(*) from {table} where account_id = :id", id=alice.id)
        assert found == [(0,)], table


async def owned(world) -> list[tuple[str, str]]:
    """Every column that names the account whose row it is."""
    if world.database.dialect == "sqlite":
        found = await rows(
            world,
            "select m.name, p.name from sqlite_schema m join pragma_table_info(m.name) p "
            "where m.type = 'table' and p.name = 'account_id'",
        )
    else:
        found = await rows(
            world,
            "select table_name, column_name from information_schema.columns "
            "where column_name = 'account_id' and table_schema = 'public'",
        )
    columns = [(table, column) for table, column in found if table not in KEPT]
    assert len(columns) > 20
    return [*columns, ("follows", "target_id"), ("follow_requests", "target_id"), ("blocks", "target_id")]


async def test_a_deletion_that_is_cut_off_goes_on(world):
    alice, *_ = await busy(world)
    await deletions.delete(world.database, None, alice.id, Operation("delete"))
    await deletions.delete(world.database, None, alice.id, Operation("delete"))
    assert await rows(world, "select count(*) from jobs where kind = 'account.deleted'") == [(1,)]
    claim = "update jobs set run_at = 0, lease = null where kind = 'account.deleted'"
    for _ in range(3):
        await world._worker.run_due()
        await world.database.write(lambda tx: tx.run(statement("test", claim)))
    await world.run_jobs()
    assert await rows(world, "select count(*) from statuses where account_id = :id", id=alice.id) == [(0,)]
    assert await rows(world, "select count(*) from jobs") == [(0,)]


async def test_only_those_above_may_decide_on_somebody(world):
    user, other = await world.people("user", "other")
    moderator = await world.person("moderator", role="moderator")
    second = await world.person("second", role="moderator")
    admin = await world.person("admin", role="admin")
    allowed = [(moderator, user), (admin, moderator), (admin, other)]
    refused = [(user, other), (moderator, second), (moderator, admin), (second, second), (user, user)]
    for number, (judge, subject) in enumerate(refused):
        with pytest.raises(NotAllowed):
            await suspensions.suspend(world.database, judge.id, subject.id, Operation(f"refused:{number}"))
    for number, (judge, subject) in enumerate(allowed):
        await suspensions.suspend(world.database, judge.id, subject.id, Operation(f"allowed:{number}"), reason="spam")
    log = await rows(world, "select moderator_id, action, target, reason from moderation_log order by id")
    assert log == [(judge.id, "account.suspend", subject.name, "spam") for judge, subject in allowed]
    with pytest.raises(NotAllowed):
        await deletions.delete(world.database, moderator.id, admin.id, Operation("delete"))
