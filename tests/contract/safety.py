"""The walk through what one does not want to read: filters, and who is told of what happens."""

from tests.contract.cast import Cast
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
