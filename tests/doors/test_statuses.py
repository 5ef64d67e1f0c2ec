"""Statuses at the client API's door, on both engines: posted, read by whom they are for, and what is done to them."""

import json

import pytest

from linnet.actions import edits
from tests.support.client import World


async def _post(person, text="hello", **more):
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()


async def test_a_post_is_answered_and_read_back_as_it_was_answered(any_world: World):
    anna = await any_world.person("anna")
    posted = await _post(anna, "Hi @anna, see https://example.org/page #Linnet", spoiler_text="note", language="en")
    assert posted["content"].count("<a ") == 3
    assert [tag["name"] for tag in posted["tags"]] == ["Linnet"]
    assert [mention["acct"] for mention in posted["mentions"]] == ["anna"]
    assert (posted["spoiler_text"], posted["language"], posted["visibility"]) == ("note", "en", "public")
    assert posted["application"]["name"] == "Tests"
    assert posted["url"] == f"http://linnet.test/@anna/{posted['id']}"
    read = (await anna.get(f"/api/v1/statuses/{posted['id']}")).json()
    assert read == posted


async def test_an_idempotency_key_posts_once_and_answers_twice(any_world: World):
    anna = await any_world.person("anna")
    once, key = {"status": "once"}, {"Idempotency-Key": "k1"}
    answers = [await anna.post("/api/v1/statuses", json=once, headers=key) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await anna.post("/api/v1/statuses", json={"status": "once"}, headers={"Idempotency-Key": "k2"})
    assert other.json()["id"] != answers[0].json()["id"]
    listed = (await anna.get("/api/v1/timelines/home")).json()
    assert len(listed) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": ""}, "text"),
        ({"status": "x" * 501}, "text"),
        ({"status": "a\x00b"}, None),
        ({"status": ["a"]}, "status"),
        ({"status": "a", "visibility": "secret"}, "visibility"),
        ({"status": "a", "media_ids": ["1", "2", "3", "4", "5"]}, "media_ids"),
        ({"status": "a", "media_ids": ["77"]}, "media_ids"),
        ({"status": "a", "language": "<script>"}, "language"),
        ({"status": "a", "in_reply_to_id": "nonsense"}, "in_reply_to_id"),
        ({"status": "a", "poll": {"options": ["a", "b"]}}, "poll[expires_in]"),
    ],
)
async def test_what_may_not_be_posted_names_the_field_and_stores_nothing(world: World, body, field):
    anna = await world.person("anna")
    answer = await anna.post("/api/v1/statuses", json=body)
    assert answer.status == 422, answer.body
    if field is not None:
        assert field in answer.json()["details"]
    assert (await anna.get("/api/v1/timelines/home")).json() == []
    assert (await anna.get(f"/api/v1/accounts/{anna.id}")).json()["statuses_count"] == 0


async def test_replies_make_a_thread_and_are_counted(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    root = await _post(anna, "root")
    first = await _post(bert, "@anna first", in_reply_to_id=root["id"])
    second = await _post(anna, "@bert second", in_reply_to_id=first["id"])
    aside = await _post(bert, "@anna aside", in_reply_to_id=root["id"])
    context = (await anna.get(f"/api/v1/statuses/{first['id']}/context")).json()
    assert [one["id"] for one in context["ancestors"]] == [root["id"]]
    assert [one["id"] for one in context["descendants"]] == [second["id"]]
    below = (await anna.get(f"/api/v1/statuses/{root['id']}/context")).json()["descendants"]
    assert [one["id"] for one in below] == [first["id"], second["id"], aside["id"]]
    assert (await anna.get(f"/api/v1/statuses/{root['id']}")).json()["replies_count"] == 2
    missing = await bert.post("/api/v1/statuses", json={"status": "x", "in_reply_to_id": "123"})
    assert missing.status == 404


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
async def test_each_visibility_is_seen_by_whom_it_is_for(any_world: World, visibility):
    author, follower, named, stranger = [await any_world.person(name) for name in ("anna", "bert", "carla", "dora")]
    assert (await follower.post(f"/api/v1/accounts/{author.id}/follow")).status == 200
    posted = await _post(author, "for @carla", visibility=visibility)
    await any_world.run_jobs()
    path = f"/api/v1/statuses/{posted['id']}"
    seen = {person.name for person in (author, follower, named, stranger) if (await person.get(path)).status == 200}
    expected = {
        "public": {"anna", "bert", "carla", "dora"},
        "unlisted": {"anna", "bert", "carla", "dora"},
        "private": {"anna", "bert", "carla"},
        "direct": {"anna", "carla"},
    }[visibility]
    assert seen == expected
    assert (await any_world.client.get(path)).status == (200 if visibility in {"public", "unlisted"} else 404)
    on_public = [one["id"] for one in (await stranger.get("/api/v1/timelines/public")).json()]
    assert (posted["id"] in on_public) == (visibility == "public")
    at_home = [one["id"] for one in (await follower.get("/api/v1/timelines/home")).json()]
    assert (posted["id"] in at_home) == (visibility != "direct")


async def test_favourite_reblog_bookmark_and_back(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    posted = await _post(anna, "like me")
    path = f"/api/v1/statuses/{posted['id']}"
    for _ in range(2):  # twice is once
        liked = (await bert.post(f"{path}/favourite")).json()
        assert (liked["favourites_count"], liked["favourited"]) == (1, True)
        boosted = (await bert.post(f"{path}/reblog")).json()
        assert (boosted["reblog"]["id"], boosted["reblog"]["reblogs_count"]) == (posted["id"], 1)
        assert boosted["reblogged"] is True
        kept = (await bert.post(f"{path}/bookmark")).json()
        assert kept["bookmarked"] is True
    assert [one["id"] for one in (await bert.get("/api/v1/favourites")).json()] == [posted["id"]]
    assert [one["id"] for one in (await bert.get("/api/v1/bookmarks")).json()] == [posted["id"]]
    assert [one["acct"] for one in (await anna.get(f"{path}/favourited_by")).json()] == ["bert"]
    assert [one["acct"] for one in (await anna.get(f"{path}/reblogged_by")).json()] == ["bert"]
    kinds = sorted(one["type"] for one in (await anna.get("/api/v1/notifications")).json())
    assert kinds == ["favourite", "reblog"]
    for verb in ("unfavourite", "unreblog", "unbookmark"):
        assert (await bert.post(f"{path}/{verb}")).status == 200
    answer = (await bert.get(path)).json()
    assert (answer["favourites_count"], answer["reblogs_count"], answer["bookmarked"]) == (0, 0, False)
    assert (await anna.get("/api/v1/notifications")).json() == []
    assert (await bert.get(f"/api/v1/accounts/{bert.id}")).json()["statuses_count"] == 0


async def test_what_is_not_public_is_not_boosted_by_others(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    private = await _post(anna, "for friends", visibility="private")
    assert (await bert.post(f"/api/v1/statuses/{private['id']}/reblog")).status == 403
    own = await anna.post(f"/api/v1/statuses/{private['id']}/reblog")
    assert (own.status, own.json()["visibility"]) == (200, "private")


async def test_an_edit_changes_what_is_read_and_keeps_what_was(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    posted = await _post(anna, "frist #one")
    await bert.post(f"/api/v1/statuses/{posted['id']}/reblog")
    path = f"/api/v1/statuses/{posted['id']}"
    edited = await anna.put(path, json={"status": "first #two @bert", "spoiler_text": "typo"})
    assert edited.status == 200, edited.body
    assert "first" in edited.json()["content"]
    assert edited.json()["edited_at"] is not None
    await any_world.run_jobs()
    assert [tag["name"] for tag in (await bert.get(path)).json()["tags"]] == ["two"]
    history = (await anna.get(f"{path}/history")).json()
    assert ["frist" in history[0]["content"], "first" in history[1]["content"]] == [True, True]
    assert (await anna.get(f"{path}/source")).json()["text"] == "first #two @bert"
    assert sorted(one["type"] for one in (await bert.get("/api/v1/notifications")).json()) == ["mention", "update"]
    assert (await bert.put(path, json={"status": "mine now"})).status == 404
    assert [one["id"] for one in (await bert.get("/api/v1/timelines/tag/two")).json()] == [posted["id"]]
    assert (await bert.get("/api/v1/timelines/tag/one")).json() == []


async def test_of_a_post_that_is_edited_without_end_the_first_and_the_latest_states_are_kept(
    any_world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(edits, "LATEST", 3)
    anna = await any_world.person("anna")
    path = f"/api/v1/statuses/{(await _post(anna, 'first'))['id']}"
    for number in range(6):
        assert (await anna.put(path, json={"status": f"edit {number}"})).status == 200
        assert (await anna.get(path)).json()["content"] == f"<p>edit {number}</p>"
    history = (await anna.get(f"{path}/history")).json()
    assert [one["content"] for one in history] == [f"<p>{text}</p>" for text in ("first", "edit 3", "edit 4", "edit 5")]


async def test_a_deleted_status_is_gone_everywhere(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    posted = await _post(anna, "soon gone @bert #gone")
    reply = await _post(bert, "@anna reply", in_reply_to_id=posted["id"])
    await bert.post(f"/api/v1/statuses/{posted['id']}/reblog")
    await bert.post(f"/api/v1/statuses/{posted['id']}/favourite")
    await any_world.run_jobs()
    assert (await bert.delete(f"/api/v1/statuses/{posted['id']}")).status == 404
    gone = await anna.delete(f"/api/v1/statuses/{posted['id']}")
    assert (gone.status, gone.json()["text"]) == (200, "soon gone @bert #gone")
    await any_world.run_jobs()
    assert (await anna.get(f"/api/v1/statuses/{posted['id']}")).status == 404
    assert [one["id"] for one in (await bert.get("/api/v1/timelines/home")).json()] == [reply["id"]]
    assert (await bert.get("/api/v1/timelines/tag/gone")).json() == []
    assert (await bert.get("/api/v1/favourites")).json() == []
    assert (await bert.get(f"/api/v1/statuses/{reply['id']}")).json()["in_reply_to_id"] is None
    assert [one["type"] for one in (await bert.get("/api/v1/notifications")).json() if one.get("status")] == []
    counts = {one.name: (await one.get(f"/api/v1/accounts/{one.id}")).json()["statuses_count"] for one in (anna, bert)}
    assert counts == {"anna": 0, "bert": 1}


async def test_pins_stand_on_their_authors_page_and_are_bounded(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    ids = [(await _post(anna, f"post {number}"))["id"] for number in range(6)]
    for id in ids[:5]:
        assert (await anna.post(f"/api/v1/statuses/{id}/pin")).json()["pinned"] is True
    assert (await anna.post(f"/api/v1/statuses/{ids[5]}/pin")).status == 422
    assert (await bert.post(f"/api/v1/statuses/{ids[0]}/pin")).status == 422
    assert (await anna.post(f"/api/v1/statuses/{ids[0]}/unpin")).json()["pinned"] is False
    assert (await anna.post(f"/api/v1/statuses/{ids[5]}/pin")).status == 200


async def test_a_muted_thread_notifies_no_more(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    posted = await _post(anna, "calm")
    assert (await anna.post(f"/api/v1/statuses/{posted['id']}/mute")).json()["muted"] is True
    await _post(bert, "@anna loud", in_reply_to_id=posted["id"])
    assert (await anna.get("/api/v1/notifications")).json() == []
    await anna.post(f"/api/v1/statuses/{posted['id']}/unmute")
    await _post(bert, "@anna again", in_reply_to_id=posted["id"])
    assert [one["type"] for one in (await anna.get("/api/v1/notifications")).json()] == ["mention"]


async def test_many_are_read_at_once_in_the_order_asked(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    first, second = await _post(anna, "1"), await _post(anna, "2")
    hidden = await _post(anna, "3", visibility="direct")
    answer = await bert.get(f"/api/v1/statuses?id[]={second['id']}&id[]={hidden['id']}&id[]={first['id']}&id[]=9")
    assert [one["id"] for one in answer.json()] == [second["id"], first["id"]]


async def test_pages_of_home_meet_without_gap_or_repeat(any_world: World):
    anna = await any_world.person("anna")
    ids = [(await _post(anna, f"post {number}"))["id"] for number in range(9)][::-1]
    first = await anna.get("/api/v1/timelines/home?limit=4")
    assert [one["id"] for one in first.json()] == ids[:4]
    following = (first.header("link") or "").split(";")[0].strip("<>").replace("http://linnet.test", "")
    second = await anna.get(following)
    assert [one["id"] for one in second.json()] == ids[4:8]
    newer = await anna.get(f"/api/v1/timelines/home?limit=2&min_id={ids[4]}")
    assert [one["id"] for one in newer.json()] == ids[2:4]
    since = await anna.get(f"/api/v1/timelines/home?limit=2&since_id={ids[4]}")
    assert [one["id"] for one in since.json()] == ids[:2]


async def test_a_search_finds_what_the_reader_may_see(any_world: World):
    anna, bert = await any_world.person("anna"), await any_world.person("bert")
    public = await _post(anna, "The linnet sings at dawn #birds")
    private = await _post(anna, "linnet in private", visibility="private")
    tokyo = await _post(anna, "東京都で鳥を見た")
    await any_world.run_jobs()

    async def found(person, text):
        answer = await person.get("/api/v2/search", query={"q": text, "type": "statuses"})
        assert answer.status == 200, answer.body
        return [one["id"] for one in answer.json()["statuses"]]

    assert await found(bert, "LINNET dawn") == [public["id"]]
    assert await found(anna, "linnet") == [private["id"], public["id"]]
    assert await found(bert, "東京") == [tokyo["id"]]
    assert await found(bert, "nothing of the kind") == []
    assert await found(bert, f"http://linnet.test/@anna/{public['id']}") == [public["id"]]
    tags = (await bert.get("/api/v2/search?q=%23bir&type=hashtags")).json()["hashtags"]
    assert [(tag["name"], tag["history"][0]["uses"]) for tag in tags] == [("birds", "1")]
    await anna.put(f"/api/v1/statuses/{public['id']}", json={"status": "a finch"})
    await any_world.run_jobs()
    assert await found(bert, "dawn") == []
    assert await found(bert, "finch") == [public["id"]]


async def test_ids_that_are_none_are_not_found(world: World):
    anna = await world.person("anna")
    for id in ("abc", "0", "99999999999999999999", "-1", "1%20or%201=1", "%00"):
        for path in (f"/api/v1/statuses/{id}", f"/api/v1/statuses/{id}/context"):
            answer = await anna.get(path)
            assert answer.status == (422 if id == "%00" else 404), (path, answer.body)
            assert "error" in json.loads(answer.body)
