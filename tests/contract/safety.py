"""The walk through what one does not want to read: filters, and who is told of what happens."""

from urllib.parse import quote

from linnet.actions import announcements as announcing
from linnet.actions import reports as actions
from linnet.domain.announcements import Draft
from linnet.storage.database import Operation
from tests.contract.cast import EMOJI, Cast
from tests.support.walk import Walk

V1 = "/api/v1/filters"
V2 = "/api/v2/filters"
EVERYWHERE = ["home", "notifications", "public", "thread", "account"]


async def filters(walk: Walk, cast: Cast) -> None:
    """Made with everything, looked at, changed, met by a status, taken away; both versions."""
    dora = cast.dora
    nosy = await walk("POST /api/v1/statuses", cast.bert, json={"status": "A turbine and a piston"})
    everything = {
        "title": "Machines", "context": EVERYWHERE, "filter_action": "blur", "expires_in": 3600,
        "keywords_attributes": [{"keyword": "turbine", "whole_word": True}, {"keyword": "x", "_destroy": True}],
    }  # fmt: skip
    made = await walk(f"POST {V2}", dora, json=everything)
    assert (made["filter_action"], [each["keyword"] for each in made["keywords"]]) == ("blur", ["turbine"])
    id, keyword = made["id"], made["keywords"][0]["id"]
    # A keyword of a filter that is not there yet cannot be meant.
    gone = {**everything, "keywords_attributes": [{"id": keyword, "keyword": "turbine"}]}
    await walk(f"POST {V2}", dora, json=gone, status=404)
    entry = await walk(f"POST {V2}/{{filter_id}}/statuses", dora, id, json={"status_id": nosy["id"]})
    assert await walk(f"GET {V2}/{{filter_id}}/statuses", dora, id) == [entry]
    assert await walk(f"GET {V2}/statuses/{{id}}", dora, entry["id"]) == entry
    assert (await walk(f"GET {V2}/{{id}}", dora, id))["statuses"] == [entry]
    (met,) = (await walk("GET /api/v1/statuses/{id}", dora, nosy["id"]))["filtered"]
    assert (met["keyword_matches"], met["status_matches"]) == (["turbine"], [nosy["id"]])
    assert await walk(f"DELETE {V2}/statuses/{{id}}", dora, entry["id"]) == entry
    added = await walk(f"POST {V2}/{{filter_id}}/keywords", dora, id, json={"keyword": "pist", "whole_word": False})
    assert [each["keyword"] for each in await walk(f"GET {V2}/{{filter_id}}/keywords", dora, id)] == ["turbine", "pist"]
    assert await walk(f"GET {V2}/keywords/{{id}}", dora, added["id"]) == added
    better = {"keyword": "piston", "whole_word": True}
    changed = await walk(f"PUT {V2}/keywords/{{id}}", dora, added["id"], json=better)
    assert changed == {"id": added["id"], **better}
    assert await walk(f"DELETE {V2}/keywords/{{id}}", dora, keyword) == {}
    change = {
        **everything, "title": "Engines", "filter_action": "hide",
        "keywords_attributes": [
            {"id": added["id"], "keyword": "valve", "whole_word": False}, {"keyword": "crank", "_destroy": False}
        ],
    }  # fmt: skip
    after = await walk(f"PUT {V2}/{{id}}", dora, id, json=change)
    assert await walk(f"GET {V2}/{{id}}", dora, id) == after
    assert await walk(f"GET {V2}", dora) == [after]
    await walk(f"PUT {V2}/{{id}}", dora, id, json={"filter_action": "burn"}, status=422)
    assert await walk(f"DELETE {V2}/{{id}}", dora, id) == {}
    await _old(walk, cast)


async def _old(walk: Walk, cast: Cast) -> None:
    dora = cast.dora
    phrase = {"phrase": "gear", "context": ["home"], "irreversible": True, "whole_word": True, "expires_in": 60}
    old = await walk(f"POST {V1}", dora, json=phrase)
    assert (old["phrase"], old["irreversible"], old["context"]) == ("gear", True, ["home"])
    other = await walk(f"PUT {V1}/{{id}}", dora, old["id"], json={**phrase, "phrase": "gears"})
    assert other["phrase"] == "gears"
    assert await walk(f"GET {V1}/{{id}}", dora, old["id"]) == other
    assert await walk(f"GET {V1}", dora) == [other]
    assert await walk(f"DELETE {V1}/{{id}}", dora, old["id"]) == {}


async def leftovers(walk: Walk, cast: Cast) -> None:
    """What Mastodon answers with nothing since 3.5, and older apps still ask for."""
    assert await walk("GET /api/v1/accounts/{id}/identity_proofs", None, cast.ada.id) == []


async def conversations(walk: Walk, cast: Cast) -> None:
    """Direct words by thread and people, in pages, read and put away."""
    bert, dora = cast.bert, cast.dora
    await walk("POST /api/v1/accounts/{id}/follow", dora, bert.id)
    said = []
    for number in range(3):
        psst = {"status": f"@dora number {number}", "visibility": "direct"}
        said.append((await walk("POST /api/v1/statuses", bert, json=psst))["id"])
    await walk.world.run_jobs()
    found = await walk("GET /api/v1/conversations", dora)
    latest = {one["id"]: one["last_status"]["id"] for one in found}
    assert list(latest.values()) == said[::-1], (found, said)
    assert all(one["unread"] and one["accounts"][0]["id"] == str(bert.id) for one in found)
    await walk.pages("GET /api/v1/conversations", dora, whole=list(latest))
    bounds = {"max_id": said[2], "since_id": said[0], "limit": 1}
    assert [one["id"] for one in await walk("GET /api/v1/conversations", dora, query=bounds)] == [found[1]["id"]]
    await walk("GET /api/v1/conversations", dora, query={"min_id": said[0]})
    (direct, *_) = await walk("GET /api/v1/timelines/direct", dora)
    assert direct["visibility"] == "direct"
    await walk.pages("GET /api/v1/timelines/direct", dora, whole=said[::-1])
    await walk.bounds("GET /api/v1/timelines/direct", dora, whole=said[::-1])
    read = await walk("POST /api/v1/conversations/{id}/read", dora, found[0]["id"])
    assert read == {**found[0], "unread": False}
    assert await walk("DELETE /api/v1/conversations/{id}", dora, found[0]["id"]) == {}
    assert [one["id"] for one in await walk("GET /api/v1/conversations", dora)] == list(latest)[1:]
    await walk("POST /api/v1/accounts/{id}/unfollow", dora, bert.id)


async def reports(walk: Walk, cast: Cast) -> None:
    """With everything, to which the owner is told; resolved by her; and what cannot be reported."""
    ada, bert, dora = cast.ada, cast.bert, cast.dora
    (rule,) = await walk("GET /api/v1/instance/rules", None)
    status = await walk("POST /api/v1/statuses", bert, json={"status": "Buy my engines"})
    complaint = {
        "account_id": bert.id, "status_ids": [status["id"]], "category": "spam", "comment": "Again and again",
        "forward": True, "rule_ids": [rule["id"]], "collection_ids": [],
    }  # fmt: skip
    made = await walk("POST /api/v1/reports", dora, json=complaint)
    assert (made["category"], made["status_ids"], made["rule_ids"]) == ("violation", [status["id"]], [rule["id"]])
    assert made["target_account"]["id"] == str(bert.id)
    plain = await walk("POST /api/v1/reports", dora, json={"account_id": bert.id, "category": "legal"})
    assert (plain["category"], plain["comment"], plain["action_taken"]) == ("legal", "", False)
    await actions.resolve(walk.world.database, ada.id, int(plain["id"]), Operation(f"resolve {plain['id']}"))
    (told,) = await walk("GET /api/v1/notifications", ada, query={"types[]": ["admin.report"]})
    assert (told["report"]["id"], told["report"]["action_taken"]) == (plain["id"], True)
    assert told["account"]["id"] == str(dora.id)
    for wrong, code in (
        ({"account_id": 1}, 404), ({"account_id": "bert"}, 422), ({}, 422),
        ({"account_id": bert.id, "category": "dull"}, 422), ({"account_id": bert.id, "rule_ids": [1]}, 422),
        ({"account_id": bert.id, "comment": "x" * 1001}, 422), ({"account_id": dora.id, "status_ids": [1]}, 404),
    ):  # fmt: skip
        await walk("POST /api/v1/reports", dora, json=wrong, status=code)


async def announcements(walk: Walk, cast: Cast) -> None:
    """One that names everything; put away, and given two emojis, of which one is taken back."""
    world, bert = walk.world, cast.bert
    status = await walk("POST /api/v1/statuses", cast.ada, json={"status": "More about tea"})
    now = world.clock.now_ms()
    text = f"Tea :{EMOJI}: by @ada, see {status['url']} #tea"
    draft = Draft(text, now, now, now + 86_400_000, True)
    made = await announcing.create(world.database, world.site, draft, Operation("announce tea"))
    for name in (EMOJI, quote("👍")):
        assert await walk("PUT /api/v1/announcements/{id}/reactions/{name}", bert, made, name) == {}
    await walk("PUT /api/v1/announcements/{id}/reactions/{name}", bert, made, "nosuch", status=422)
    assert await walk("POST /api/v1/announcements/{id}/dismiss", bert, made) == {}
    (one,) = await walk("GET /api/v1/announcements", bert)
    assert (one["read"], one["all_day"]) == (True, True)
    assert [each["name"] for each in one["reactions"]] == [EMOJI, "👍"]
    assert await walk("DELETE /api/v1/announcements/{id}/reactions/{name}", bert, made, EMOJI) == {}
    await walk("DELETE /api/v1/announcements/{id}/reactions/{name}", bert, made, EMOJI, status=404)
