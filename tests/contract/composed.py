"""The walk through what a status can carry and wait for: polls, scheduled statuses, drafts, reactions."""

from typing import Any

from linnet.domain import times
from linnet.storage.statements import statement
from tests.contract.cast import Cast
from tests.contract.posts import upload
from tests.support.walk import Walk

V1 = "/api/v1/statuses"
OPTIONS = ["coal", "wood :linnet:", "neither"]


async def polls(walk: Walk, cast: Cast) -> None:
    """Asked with everything, voted in, edited, looked at, and over."""
    ada, bert, carla = cast.ada, cast.bert, cast.carla
    poll = {"options": OPTIONS, "expires_in": 3600, "multiple": True, "hide_totals": True}
    status = await walk(f"POST {V1}", ada, json={"status": "What burns best?", "poll": poll})
    assert status["poll"]["options"][0] == {"title": "coal", "votes_count": None}
    assert status["poll"]["emojis"][0]["shortcode"] == "linnet"
    id = status["poll"]["id"]
    voted = await walk("POST /api/v1/polls/{id}/votes", bert, id, json={"choices": [1, 2]})
    assert (voted["own_votes"], voted["votes_count"], voted["voters_count"]) == ([1, 2], 2, 1)
    await walk("POST /api/v1/polls/{id}/votes", bert, id, json={"choices": [0]}, status=422)
    edit = {"status": "What burns best, really?", "poll": {**poll, "hide_totals": False}}
    edited = await walk(f"PUT {V1}/{{id}}", ada, status["id"], json=edit)
    assert [option["votes_count"] for option in edited["poll"]["options"]] == [0, 1, 1]
    history = await walk(f"GET {V1}/{{id}}/history", carla, status["id"])
    assert [option["title"] for option in history[0]["poll"]["options"]] == OPTIONS
    assert history[0]["emojis"][0]["shortcode"] == "linnet"
    await end(walk, int(id))
    await walk.world.run_jobs()
    over = await walk("GET /api/v1/polls/{id}", bert, id)
    assert (over["expired"], over["voted"]) == (True, True)
    await walk("POST /api/v1/polls/{id}/votes", carla, id, json={"choices": [0]}, status=422)
    assert "voted" not in await walk("GET /api/v1/polls/{id}", None, id)


async def end(walk: Walk, status_id: int) -> None:
    """Nobody waits here for a poll: its end is put into the past."""

    async def write(tx: Any) -> None:
        for text in (
            "update polls set expires_at = :now - 1 where status_id = :id",
            "update jobs set run_at = :now - 1 where once = 'poll:' || :id",
        ):
            await tx.run(statement("test.end", text), now=tx.now, id=status_id)

    await walk.world.database.write(write)


async def scheduled(walk: Walk, cast: Cast) -> None:
    """Kept with everything, listed in pages, moved, cancelled, and posted."""
    ada, bert, name = cast.ada, cast.bert, "GET /api/v1/scheduled_statuses"
    parent = await walk(f"POST {V1}", bert, json={"status": "Who comes to the fair?"})
    tomorrow, later = (times.iso(walk.world.clock.now_ms() + days * times.DAY_MS) for days in (1, 2))
    everything = {
        "status": "I do", "spoiler_text": "plans", "sensitive": True, "visibility": "unlisted", "language": "en",
        "in_reply_to_id": parent["id"], "media_ids": [await upload(walk, cast)], "scheduled_at": tomorrow,
    }  # fmt: skip
    kept = await walk(f"POST {V1}", ada, json=everything)
    assert (kept["scheduled_at"], kept["params"]["text"]) == (tomorrow, "I do")
    assert kept["params"]["in_reply_to_id"] == int(parent["id"])
    poll = {"options": OPTIONS, "expires_in": 3600, "multiple": True, "hide_totals": True}
    asked = await walk(f"POST {V1}", ada, json={"status": "Or?", "poll": poll, "scheduled_at": tomorrow})
    assert asked["params"]["poll"] == poll
    quoting = {"status": "Third", "quoted_status_id": parent["id"], "quote_approval_policy": "followers"}
    third = await walk(f"POST {V1}", ada, json={**quoting, "scheduled_at": tomorrow})
    assert third["params"]["quoted_status_id"] == parent["id"]
    assert third["params"]["quote_approval_policy"] == "followers"
    whole = [third["id"], asked["id"], kept["id"]]
    await walk.pages(name, ada, whole=whole)
    await walk.bounds(name, ada, whole=whole)
    assert await walk(f"{name}/{{id}}", ada, kept["id"]) == kept
    await walk(f"{name}/{{id}}", bert, kept["id"], status=404)
    moved = await walk("PUT /api/v1/scheduled_statuses/{id}", ada, kept["id"], json={"scheduled_at": later})
    assert moved == {**kept, "scheduled_at": later}
    await walk("PUT /api/v1/scheduled_statuses/{id}", ada, kept["id"], json={"scheduled_at": "soon"}, status=422)
    for one in whole:
        assert await walk("DELETE /api/v1/scheduled_statuses/{id}", ada, one) == {}
    assert await walk(name, ada) == []
