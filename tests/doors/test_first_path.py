"""Posting and reading home at the client API's door: the first path through the whole house."""


async def test_a_post_is_answered_and_stands_on_its_followers_home_after_the_jobs(any_world):
    alice = await any_world.person("alice")
    posted = await alice.post("/api/v1/statuses", json={"status": "hello #world"})
    assert posted.status == 200
    assert posted.json()["account"]["acct"] == "alice"
    home = (await alice.get("/api/v1/timelines/home")).json()
    assert [status["id"] for status in home] == [posted.json()["id"]]
    assert await any_world.run_jobs() == 1
    assert await any_world.run_jobs() == 0


async def test_without_a_token_one_may_not_post(world):
    answer = await world.client.post("/api/v1/statuses", form={"status": "hello"})
    assert (answer.status, answer.json()) == (401, {"error": "The access token is invalid"})
