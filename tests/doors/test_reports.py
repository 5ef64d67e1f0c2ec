"""Reports: handed in at the client API's door, told to whoever moderates, read and resolved on their pages."""

from typing import Any

import pytest

from linnet.actions import maintenance
from linnet.domain import reports as rules
from tests.storage.queries import sql
from tests.support.access import once
from tests.support.client import Person, VirtualClock, World
from tests.support.pages import person as browser_of

DAY_MS = 86_400_000


async def post(person: Person, text: str, **more: Any) -> str:
    return (await person.post("/api/v1/statuses", json={"status": text, **more})).json()["id"]


async def told(person: Person) -> list[tuple[str, str]]:
    """Who has reported whom."""
    found = (await person.get("/api/v1/notifications?types[]=admin.report")).json()
    return [(one["account"]["username"], one["report"]["target_account"]["username"]) for one in found]


async def test_whoever_moderates_is_told_of_the_latest_report_of_each(any_world: World):
    mia = await any_world.person("mia", role="moderator")
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    for reporter, target in ((alice, bob), (carol, bob), (alice, carol)):
        answer = await reporter.post("/api/v1/reports", json={"account_id": str(target.id), "comment": "hm"})
        assert answer.status == 200, answer.body
    assert await told(mia) == [("alice", "carol"), ("carol", "bob")]
    assert await told(alice) == []
    grouped = (await mia.get("/api/v2/notifications?types[]=admin.report")).json()["notification_groups"]
    assert [one["report"]["target_account"]["username"] for one in grouped] == ["carol", "bob"]


async def test_only_what_one_may_see_of_the_reported_can_be_named(any_world: World):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    public, secret, other = await post(bob, "x"), await post(bob, "y", visibility="direct"), await post(carol, "z")
    for ids, status in (([public], 200), ([public, public], 200), ([secret], 404), ([other], 404), ([public, 1], 404)):
        answer = await alice.post("/api/v1/reports", json={"account_id": bob.id, "status_ids": ids})
        assert answer.status == status, (ids, answer.body)


async def test_so_many_may_wait_of_one_account(any_world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "OPEN_MAX", 2)
    alice, bob = await any_world.people("alice", "bob")
    codes = [(await alice.post("/api/v1/reports", json={"account_id": bob.id})).status for _ in range(3)]
    assert codes == [200, 200, 422]


async def test_a_report_is_read_and_resolved_on_the_moderators_pages(world: World):
    mia = await browser_of(world, "mia", role="moderator")
    alice, bob = await world.people("alice", "bob")
    loud = await post(bob, "Buy my engines", visibility="unlisted")
    rule = sql("insert into rules (id, position, text) values (7, 1, 'Be kind')")
    await world.database.write(lambda tx: tx.run(rule))
    complaint = {"account_id": bob.id, "status_ids": [loud], "rule_ids": ["7"], "comment": "<b>Every</b> day"}
    made = (await alice.post("/api/v1/reports", json=complaint)).json()
    assert "sent a report" in (await mia.go("/notifications")).text
    listed = await mia.go("/moderation/reports")
    assert "@bob" in listed.text
    assert "<b>Every</b> day" in listed.text
    page = await mia.go(f"/moderation/reports/{made['id']}")
    for words in ("@alice", "Against the rules", "Be kind", "Buy my engines", "<b>Every</b> day"):
        assert words in page.text, words
    assert any(one.get("href") == "/moderation/accounts/bob" for one in page.all("a"))
    key = page.value("form_key")
    back = f"/moderation/reports/{made['id']}"
    silence = {"form_key": key, "reason": "too loud", "back": back}
    sent = await mia.ask("POST", "/moderation/accounts/bob/silence", form=silence)
    assert sent.location == back
    assert "Give the voice back" in (await mia.go(back)).text
    assert "too loud" in (await mia.go("/moderation/log")).text
    await mia.press(page, f"/moderation/reports/{made['id']}/resolve")
    assert "All quiet" in (await mia.go("/moderation/reports")).text
    assert "@bob" in (await mia.go("/moderation/reports?resolved=1")).text
    assert "report.resolve" in (await mia.go("/moderation/log")).text
    again = await mia.go(f"/moderation/reports/{made['id']}")
    await mia.press(again, f"/moderation/reports/{made['id']}/reopen")
    assert "@bob" in (await mia.go("/moderation/reports")).text
    assert (await mia.get("/moderation/reports/1")).status == 404


async def test_only_moderators_see_these_pages(world: World):
    alice = await browser_of(world, "alice")
    for address in ("/moderation/reports", "/moderation/reports/1", "/moderation/log"):
        assert (await alice.get(address)).status in (403, 404)


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_year_after_it_was_resolved_a_report_is_let_go(open_any_world: Any):
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    mia = await world.person("mia", role="moderator")
    alice, bob = await world.people("alice", "bob")
    ids = [(await alice.post("/api/v1/reports", json={"account_id": bob.id})).json()["id"] for _ in range(2)]
    from linnet.actions import reports

    await reports.resolve(world.database, mia.id, int(ids[0]), once(world))
    clock.advance(366 * DAY_MS)
    assert await world.database.write(lambda tx: maintenance.reports(tx, None)) == 1  # type: ignore[arg-type]
    rows = await world.database.read(lambda tx: tx.all(sql("select id from reports")))
    assert [str(row[0]) for row in rows] == ids[1:]
