"""The walk through what an account is told: notifications, markers, search, hashtags, and the server itself."""

from tests.contract.cast import Cast
from tests.support.walk import Walk

KINDS = {"mention", "status", "reblog", "follow", "follow_request", "favourite", "poll", "update",
         "admin.sign_up", "admin.report", "quote", "quoted_update"}  # fmt: skip


async def notifications(walk: Walk, cast: Cast) -> None:
    """Each kind, in pages, chosen by kind and by account, one alone, counted, dismissed, cleared."""
    ada, bert, carla = cast.ada, cast.bert, cast.carla
    name = "GET /api/v1/notifications"
    everybody = {person: await walk(name, person) for person in (ada, bert, carla)}
    told = {one["type"] for notes in everybody.values() for one in notes}
    assert told == KINDS, f"nobody was told of {KINDS - told}"
    ids = [one["id"] for one in everybody[ada]]
    await walk.pages(name, ada, whole=ids)
    await walk.bounds(name, ada, whole=ids)
    some = {"types[]": ["favourite", "reblog"], "exclude_types[]": ["reblog"], "account_id": bert.id}
    some |= {"include_filtered": "true", "supported_types[]": ["favourite"]}
    chosen = await walk(name, ada, query=some)
    assert chosen
    assert {(one["type"], one["account"]["id"]) for one in chosen} == {("favourite", str(bert.id))}
    one = await walk(f"{name}/{{id}}", ada, ids[0], query={"supported_types[]": ["favourite"]})
    assert one == everybody[ada][0]
    await walk(f"{name}/{{id}}", bert, ids[0], status=404)
    count = {"limit": 50, "types[]": ["favourite"], "exclude_types[]": ["mention"], "account_id": bert.id}
    assert (await walk(f"{name}/unread_count", ada, query=count))["count"] == len(chosen)
    assert await walk("POST /api/v1/notifications/{id}/dismiss", ada, ids[0]) == {}
    assert [one["id"] for one in await walk(name, ada)] == ids[1:]
    assert await walk("POST /api/v1/notifications/clear", ada) == {}
    assert await walk(name, ada) == []


async def markers(walk: Walk, cast: Cast) -> None:
    """How far one has read."""
    home = await walk("GET /api/v1/timelines/home", cast.bert)
    told = await walk("GET /api/v1/notifications", cast.bert)
    positions = {"home": {"last_read_id": home[0]["id"]}, "notifications": {"last_read_id": told[0]["id"]}}
    await walk("POST /api/v1/markers", cast.bert, json=positions)
    found = await walk("GET /api/v1/markers", cast.bert, query={"timeline[]": ["home", "notifications"]})
    assert {name: marker["last_read_id"] for name, marker in found.items()} == {
        name: position["last_read_id"] for name, position in positions.items()
    }
    again = await walk("POST /api/v1/markers", cast.bert, form={"home[last_read_id]": home[0]["id"]})
    assert again["home"]["version"] > found["home"]["version"]
    assert (await walk("GET /api/v1/notifications/unread_count", cast.bert))["count"] == 0


async def search(walk: Walk, cast: Cast) -> None:
    """Accounts, hashtags and statuses by words, and a status by its address."""
    ada, bert = cast.ada, cast.bert
    name = "GET /api/v2/search"
    found = await walk(name, bert, query={"q": "engines", "resolve": "true", "exclude_unreviewed": "false"})
    assert [tag["name"] for tag in found["hashtags"]] == ["engines"]
    assert found["hashtags"][0]["history"][0]["uses"] != "0"
    assert found["statuses"]
    people = await walk(name, bert, query={"q": "ada", "type": "accounts", "following": "true", "limit": 2})
    assert [one["id"] for one in people["accounts"]] == [str(ada.id)]
    assert await walk(name, bert, query={"q": "ada", "type": "accounts", "offset": 1}) == {
        "accounts": [], "statuses": [], "hashtags": []
    }  # fmt: skip
    notes = {"q": "note", "type": "statuses", "account_id": ada.id}
    whole = [one["id"] for one in (await walk(name, bert, query=notes))["statuses"]]
    assert len(whole) == 3
    older = await walk(name, bert, query={**notes, "max_id": whole[0]})
    newer = await walk(name, bert, query={**notes, "min_id": whole[2]})
    assert [one["id"] for one in older["statuses"]] == whole[1:]
    assert [one["id"] for one in newer["statuses"]] == whole[:2]
    address = (await walk("GET /api/v1/statuses/{id}", None, whole[0]))["url"]
    assert [one["id"] for one in (await walk(name, bert, query={"q": address}))["statuses"]] == [whole[0]]
    await walk(name, bert, query={"q": ""}, status=422)
    assert (await walk(name, None, query={"q": "ada"}))["accounts"][0]["id"] == str(ada.id)
    for more in ({"offset": 1}, {"resolve": "true"}):
        await walk(name, None, query={"q": "ada", **more}, status=401)
    tag = await walk("GET /api/v1/tags/{name}", None, "Engines")
    assert tag["id"]
    assert tag["url"] == f"{walk.world.site.origin}/tags/engines"


async def other_modes(walk: Walk, cast: Cast) -> None:
    """What an instance says that takes nobody without a moderator, or without an invitation."""
    mode = walk.world.site.registrations
    new = (await walk("GET /api/v2/instance", None))["registrations"]
    asked = mode == "approval"
    assert (new["enabled"], new["approval_required"], new["reason_required"]) == (asked, asked, asked)
    old = await walk("GET /api/v1/instance", None)
    assert (old["registrations"], old["approval_required"]) == (asked, asked)
    assert old["invites_enabled"] is (mode == "invite")


async def server(walk: Walk, cast: Cast) -> None:
    """What the instance says of itself."""
    new = await walk("GET /api/v2/instance", None)
    assert new["contact"]["account"]["id"] == str(cast.ada.id)
    assert new["usage"]["users"]["active_month"] >= 3
    assert new["configuration"]["statuses"]["max_characters"] == 500
    assert "compatible; Linnet" in new["version"]
    old = await walk("GET /api/v1/instance", None)
    assert (old["uri"], old["version"]) == (new["domain"], new["version"])
    assert old["stats"]["user_count"] >= 6
    rules = await walk("GET /api/v1/instance/rules", None)
    assert [rule["text"] for rule in rules] == ["Be kind"]
    emojis = await walk("GET /api/v1/custom_emojis", None)
    assert [(emoji["shortcode"], emoji["category"]) for emoji in emojis] == [("linnet", "Birds")]
    assert await walk("GET /api/v1/instance/peers", None) == []
    assert await walk("GET /api/v1/instance/domain_blocks", None) == []
