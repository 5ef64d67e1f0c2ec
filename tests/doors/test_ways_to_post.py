"""Markdown posts and posts that stay on this server, at the client API's door, on both engines."""

from typing import Any

from tests.support.client import Person, World


async def post(person: Person, text: str, **more: Any) -> dict[str, Any]:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()


async def test_markdown_is_rendered_and_its_source_is_kept(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    text = "**Hello** @bert, `@anna` #tag"
    status = await post(anna, text, content_type="text/markdown")
    assert status["content"].startswith("<p><strong>Hello</strong> <span")
    assert [one["acct"] for one in status["mentions"]] == ["bert"]
    assert [one["name"] for one in status["tags"]] == ["tag"]
    assert [one["type"] for one in (await bert.get("/api/v1/notifications")).json()] == ["mention"]
    place = f"/api/v1/statuses/{status['id']}"
    source = (await anna.get(f"{place}/source")).json()
    assert (source["text"], source["content_type"]) == (text, "text/markdown")
    edited = (await anna.put(place, json={"status": "*Bye*"})).json()
    assert edited["content"] == "<p><em>Bye</em></p>"
    plain = (await anna.put(place, json={"status": "*Bye*", "content_type": "text/plain"})).json()
    assert plain["content"] == "<p>*Bye*</p>"
    history = (await anna.get(f"{place}/history")).json()
    assert [one["content"] for one in history][1:] == ["<p><em>Bye</em></p>", "<p>*Bye*</p>"]


async def test_the_length_is_that_of_the_source(world: World):
    anna = await world.person("anna")
    most = {"status": "**" + "x" * 496 + "**", "content_type": "text/markdown"}
    assert (await anna.post("/api/v1/statuses", json=most)).status == 200
    more = {"status": "**" + "x" * 497 + "**", "content_type": "text/markdown"}
    assert (await anna.post("/api/v1/statuses", json=more)).status == 422


async def test_how_one_writes_may_be_chosen_once_for_all(any_world: World):
    anna = await any_world.person("anna")
    assert (await post(anna, "*plain*"))["content"] == "<p>*plain*</p>"
    chosen = await anna.patch("/api/v1/accounts/update_credentials", json={"source": {"content_type": "text/markdown"}})
    assert chosen.json()["source"]["content_type"] == "text/markdown"
    assert (await anna.get("/api/v1/preferences")).json()["posting:default:content_type"] == "text/markdown"
    assert (await post(anna, "*strong*"))["content"] == "<p><em>strong</em></p>"
    assert (await post(anna, "*plain*", content_type="text/plain"))["content"] == "<p>*plain*</p>"
    wrong = await anna.post("/api/v1/statuses", json={"status": "x", "content_type": "text/html"})
    assert "content_type" in wrong.json()["details"]
    instance = (await any_world.client.get("/api/v2/instance")).json()
    assert instance["configuration"]["statuses"]["supported_mime_types"] == ["text/plain", "text/markdown"]


async def test_a_local_only_status_is_for_those_who_are_signed_in(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    status = await post(anna, "just us #tag", local_only=True)
    assert status["local_only"] is True
    other = await post(anna, "everybody #tag", local_only=False)
    await bert.post(f"/api/v1/statuses/{status['id']}/reblog")
    await any_world.run_jobs()
    places = ("/api/v1/timelines/public", "/api/v1/timelines/tag/tag", "/api/v1/timelines/tag/tag?any[]=other")
    for place in (*places, f"/api/v1/accounts/{anna.id}/statuses", f"/api/v1/accounts/{bert.id}/statuses"):
        strangers = [one["id"] for one in (await any_world.client.get(place)).json()]
        assert strangers == [other["id"]] * (str(bert.id) not in place), place
    for place in places:
        seen = [one["id"] for one in (await bert.get(place)).json()]
        assert seen == [other["id"], status["id"]]
    for page in ("/@anna", "/@bert", "/public", "/tags/tag"):
        assert b"just us" not in (await any_world.client.get(page)).body, page
    assert (await any_world.client.get(f"/@anna/{status['id']}")).status == 404
    found = (await bert.get("/api/v2/search?q=just&type=statuses")).json()["statuses"]
    assert [one["id"] for one in found] == [status["id"]]
    boosts = [one["reblog"]["id"] for one in (await bert.get("/api/v1/timelines/home")).json() if one["reblog"]]
    assert boosts == [status["id"]]
    one = f"/api/v1/statuses/{status['id']}"
    assert ((await any_world.client.get(one)).status, (await bert.get(one)).status) == (404, 200)
    assert (await any_world.client.get(f"{one}/context")).status == 404


async def test_an_answer_stays_where_the_question_does_unless_it_says_otherwise(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    question = await post(anna, "who?", local_only=True)
    answer = await post(bert, "me", in_reply_to_id=question["id"])
    assert answer["local_only"] is True
    assert (await post(bert, "me!", in_reply_to_id=question["id"], local_only=False))["local_only"] is False
    edited = (await bert.put(f"/api/v1/statuses/{answer['id']}", json={"status": "me, too"})).json()
    assert edited["local_only"] is True
