"""Quotes, through the API: who may, what each reader is shown, and how a quote is taken back."""

from typing import Any

import pytest

from tests.storage.queries import sql
from tests.support.client import Person, World

STATUSES = "/api/v1/statuses"


@pytest.fixture
async def world(any_world: World) -> World:
    return any_world


async def post(person: Person, text: str = "words", status: int = 200, **more: Any) -> Any:
    answer = await person.post(STATUSES, json={"status": text, **more})
    assert answer.status == status, answer.body
    return answer.json()


async def shown(person: Person, id: str) -> Any:
    return (await person.get(f"{STATUSES}/{id}")).json()


async def waiting(world: World) -> list[str]:
    """What is to be done about quotes."""
    jobs = sql("select kind from jobs where kind like 'quotes.%'")
    return [row[0] for row in await world.database.read(lambda tx: tx.all(jobs))]


async def told(person: Person, kind: str) -> list[tuple[str, str]]:
    found = (await person.get("/api/v1/notifications", query={"types[]": kind})).json()
    return [(one["account"]["acct"], one["status"]["id"]) for one in found]


async def test_a_quote_is_shown_whole_counted_and_told(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    first = await post(ada, "first")
    assert (first["quote"], first["quotes_count"]) == (None, 0)
    quote = await post(bert, "look at this", quoted_status_id=first["id"])
    assert quote["quote"]["state"] == "accepted"
    assert quote["quote"]["quoted_status"]["content"] == "<p>first</p>"
    assert quote["quote"]["quoted_status"]["account"]["acct"] == "ada"
    assert (await shown(ada, first["id"]))["quotes_count"] == 1
    assert await told(ada, "quote") == [("bert", quote["id"])]
    third = await post(ada, "again", quoted_status_id=quote["id"])
    assert third["quote"]["quoted_status"]["quote"] == {"state": "accepted", "quoted_status_id": first["id"]}
    listed = await bert.get(f"{STATUSES}/{first['id']}/quotes")
    assert [one["id"] for one in listed.json()] == [quote["id"]]
    reblog = (await ada.post(f"{STATUSES}/{quote['id']}/reblog")).json()
    assert reblog["reblog"]["quote"]["quoted_status"]["id"] == first["id"]
    of_a_reblog = await post(ada, "the original", quoted_status_id=reblog["id"])
    assert of_a_reblog["quote"]["quoted_status"]["id"] == quote["id"]
    home = (await ada.get("/api/v1/timelines/public")).json()
    assert {one["id"]: (one["quote"] or {}).get("state") for one in home}[third["id"]] == "accepted"


@pytest.mark.parametrize(
    ("policy", "visibility", "stranger", "follower", "automatic"),
    [
        ("public", "public", 200, 200, ["public"]),
        ("followers", "unlisted", 404, 200, ["followers"]),
        ("nobody", "public", 404, 404, []),
        ("public", "private", 404, 404, []),
        ("public", "direct", 404, 404, []),
    ],
)
async def test_who_may_quote(
    world: World, policy: str, visibility: str, stranger: int, follower: int, automatic: list[str]
) -> None:
    ada, bert, carla = await world.people("ada", "bert", "carla")
    await carla.post(f"/api/v1/accounts/{ada.id}/follow")
    status = await post(ada, "words @carla", visibility=visibility, quote_approval_policy=policy)
    assert status["quote_approval"]["automatic"] == automatic
    for person, expected in ((bert, stranger), (carla, follower)):
        seen = await shown(person, status["id"])
        if "id" in seen:
            current = "automatic" if expected == 200 else "denied"
            assert seen["quote_approval"] == {"automatic": automatic, "manual": [], "current_user": current}
        await post(person, "quoting @ada", expected, quoted_status_id=status["id"])
    await post(ada, "my own", 404 if visibility == "direct" else 200, quoted_status_id=status["id"])
    if visibility in ("public", "unlisted"):
        anybody = (await world.client.get(f"{STATUSES}/{status['id']}")).json()
        assert anybody["quote_approval"]["current_user"] == "denied"


async def test_a_policy_is_chosen_changed_and_has_a_default(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    changed = await ada.patch("/api/v1/accounts/update_credentials", json={"source": {"quote_policy": "followers"}})
    assert changed.json()["source"]["quote_policy"] == "followers"
    assert (await ada.get("/api/v1/preferences")).json()["posting:default:quote_policy"] == "followers"
    status = await post(ada)
    assert status["quote_approval"]["automatic"] == ["followers"]
    place = f"{STATUSES}/{status['id']}/interaction_policy"
    wider = await ada.put(place, json={"quote_approval_policy": "public"})
    assert wider.json()["quote_approval"]["automatic"] == ["public"]
    edited = await ada.put(f"{STATUSES}/{status['id']}", json={"status": "new", "quote_approval_policy": "nobody"})
    assert edited.json()["quote_approval"] == {"automatic": [], "manual": [], "current_user": "automatic"}
    assert (await bert.put(place, json={"quote_approval_policy": "public"})).status == 404
    wrong = await ada.put(place, json={"quote_approval_policy": "friends"})
    assert (wrong.status, list(wrong.json()["details"])) == (422, ["quote_approval_policy"])
    assert (await post(ada, quote_approval_policy="x", status=422))["details"]
    assert (await post(ada, quoted_status_id="x", status=422))["details"]


async def test_nothing_is_shown_to_more_people_by_a_quote(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    secret = await post(ada, visibility="private")
    for visibility, kept in (("public", "private"), ("unlisted", "private"), ("direct", "direct")):
        quote = await post(ada, visibility=visibility, quoted_status_id=secret["id"])
        assert quote["visibility"] == kept
    public = await post(bert)
    wrong = await post(ada, "hush", 422, visibility="direct", quoted_status_id=public["id"])
    assert list(wrong["details"]) == ["quoted_status_id"]
    assert (await post(ada, "hush @bert", visibility="direct", quoted_status_id=public["id"]))["quote"]


async def test_each_reader_is_shown_the_state_that_is_theirs(world: World) -> None:
    ada, bert, carla, dora, erin = await world.people("ada", "bert", "carla", "dora", "erin")
    first = await post(ada)
    quote = (await post(bert, quoted_status_id=first["id"]))["id"]

    async def state(person: Person) -> tuple[str, bool]:
        found = (await shown(person, quote))["quote"]
        return found["state"], found["quoted_status"] is not None

    await carla.post(f"/api/v1/accounts/{ada.id}/mute")
    assert await state(carla) == ("muted_account", True)
    await carla.post(f"/api/v1/accounts/{ada.id}/block")
    assert await state(carla) == ("blocked_account", True)
    await erin.post("/api/v1/domain_blocks", json={"domain": "far.example"})
    moved = sql("update accounts set domain = :domain where id = :id")
    for domain, expected in (("far.example", ("blocked_domain", True)), ("", ("accepted", True))):
        await world.database.write(lambda tx, domain=domain: tx.run(moved, domain=domain, id=ada.id))  # type: ignore[misc]
        assert await state(erin) == expected
    await ada.post(f"/api/v1/accounts/{dora.id}/block")
    assert await state(dora) == ("unauthorized", False)
    assert await state(bert) == ("accepted", True)
    anybody = (await world.client.get(f"{STATUSES}/{quote}")).json()
    assert anybody["quote"]["state"] == "accepted"
    around = await post(dora, quoted_status_id=quote)
    assert around["quote"]["quoted_status"]["quote"] == {"state": "unauthorized", "quoted_status_id": None}
    await ada.delete(f"{STATUSES}/{first['id']}")
    assert await state(bert) == ("deleted", False)
    assert await state(bert) == ("deleted", False)


async def test_who_is_quoted_takes_it_back(world: World) -> None:
    ada, bert, carla = await world.people("ada", "bert", "carla")
    first, other = await post(ada), await post(ada)
    quote = (await post(bert, quoted_status_id=first["id"]))["id"]
    place = f"{STATUSES}/{first['id']}/quotes/{quote}/revoke"
    for person, where in ((bert, place), (carla, place), (ada, place.replace(first["id"], other["id"]))):
        assert (await person.post(where)).status == 404
    revoked = (await ada.post(place)).json()
    assert (revoked["id"], revoked["quote"]) == (quote, {"state": "revoked", "quoted_status": None})
    assert (await shown(ada, first["id"]))["quotes_count"] == 0
    assert (await ada.get(f"{STATUSES}/{first['id']}/quotes")).json() == []
    assert (await ada.post(place)).status == 404
    await bert.delete(f"{STATUSES}/{quote}")
    assert (await shown(ada, first["id"]))["quotes_count"] == 0


async def test_a_deleted_quote_is_uncounted_and_an_edit_is_told_to_who_quotes(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    first = await post(ada)
    await post(ada, "own", quoted_status_id=first["id"])
    quote = (await post(bert, quoted_status_id=first["id"]))["id"]
    for text in ("second", "third"):
        await ada.put(f"{STATUSES}/{first['id']}", json={"status": text})
        assert await waiting(world) == ["quotes.updated"]
        await world.run_jobs()
        assert await told(bert, "quoted_update") == [("ada", first["id"])]
    assert await told(ada, "quoted_update") == []
    assert (await shown(bert, quote))["quote"]["quoted_status"]["content"] == "<p>third</p>"
    await bert.delete(f"{STATUSES}/{quote}")
    assert (await shown(ada, first["id"]))["quotes_count"] == 1
    lonely = await post(ada)
    await ada.put(f"{STATUSES}/{lonely['id']}", json={"status": "quoted by nobody"})
    assert await waiting(world) == []


async def test_quotes_are_listed_as_their_reader_may_see_them(world: World) -> None:
    ada, bert, carla = await world.people("ada", "bert", "carla")
    first = await post(ada)
    ids = [(await post(bert, f"{n}", quoted_status_id=first["id"]))["id"] for n in range(3)]
    await post(bert, "hidden", visibility="private", quoted_status_id=first["id"])
    name = f"{STATUSES}/{first['id']}/quotes"
    assert [one["id"] for one in (await carla.get(name)).json()] == ids[::-1]
    assert [one["id"] for one in (await carla.get(name, query={"limit": 1, "max_id": ids[2]})).json()] == [ids[1]]
    await carla.post(f"/api/v1/accounts/{bert.id}/mute")
    assert (await carla.get(name)).json() == []
    assert (await carla.get(f"{STATUSES}/1/quotes")).status == 404


async def test_pages_show_what_is_quoted_to_whom_may_see_it(open_sqlite_world: Any) -> None:
    world: World = await open_sqlite_world()
    ada, bert = await world.people("ada", "bert")
    first = await post(ada, "the <b>first</b> one")
    quote = await post(bert, "look", quoted_status_id=first["id"])

    async def pages() -> list[str]:
        found = [
            await world.client.get(path)
            for path in ("/public", f"/@bert/{quote['id']}", f"/@bert/{quote['id']}/embed", "/@bert")
        ]
        return [one.body.decode() for one in found if one.status == 200]

    assert len(await pages()) == 4
    for page in await pages():
        assert f'href="/@ada/{first["id"]}"' in page
        assert "the &lt;b&gt;first&lt;/b&gt; one" in page
    await ada.post(f"{STATUSES}/{first['id']}/quotes/{quote['id']}/revoke")
    assert ["cannot be shown" in page for page in await pages()] == [True] * 4
