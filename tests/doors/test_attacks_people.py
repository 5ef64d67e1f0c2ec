"""People who were silenced, blocked or muted look for another way into somebody's sight."""

import pytest

from linnet.actions import suspensions
from tests.support.access import once
from tests.support.client import Person, World


async def post(author: Person, text: str, **more: str) -> str:
    answer = await author.post("/api/v1/statuses", form={"status": text, **more})
    assert answer.status == 200, answer.body
    return str(answer.json()["id"])


async def found(reader: Person, target: str) -> list[str]:
    return [one["id"] for one in (await reader.get(target)).json()["statuses"]]


async def below(reader: Person, status: str) -> list[str]:
    return [one["id"] for one in (await reader.get(f"/api/v1/statuses/{status}/context")).json()["descendants"]]


async def test_the_silenced_are_found_by_their_followers_only(any_world: World):
    loud, friend, other = await any_world.people("loud", "friend", "other")
    assert (await friend.post(f"/api/v1/accounts/{loud.id}/follow")).status == 200
    status = await post(loud, "buy my pelicans")
    await any_world.run_jobs()
    path = "/api/v2/search?q=pelicans&type=statuses"
    assert await found(other, path) == [status]
    await suspensions.silence(any_world.database, None, loud.id, once(any_world))
    assert await found(other, path) == []
    assert await found(friend, path) == [status]
    assert await found(loud, path) == [status]


@pytest.mark.parametrize("how", ["silence", "block", "mute"])
async def test_nobody_kept_away_answers_in_a_thread(any_world: World, how: str):
    author, pest, other = await any_world.people("author", "pest", "other")
    root = await post(author, "a thread")
    kind = await post(other, "a kind answer", in_reply_to_id=root)
    status = await post(pest, "an unkind answer", in_reply_to_id=root)
    assert await below(author, root) == [kind, status]
    if how == "silence":
        await suspensions.silence(any_world.database, None, pest.id, once(any_world))
    else:
        assert (await author.post(f"/api/v1/accounts/{pest.id}/{how}")).status == 200
    assert await below(author, root) == [kind]
    stranger = (await any_world.client.get(f"/api/v1/statuses/{root}/context")).json()["descendants"]
    assert [one["id"] for one in stranger] == ([kind] if how == "silence" else [kind, status])


@pytest.mark.parametrize("how", ["block", "mute"])
async def test_nobody_kept_away_is_listed_below_a_post(any_world: World, how: str):
    author, pest, other = await any_world.people("author", "pest", "other")
    status = await post(author, "liked by many")
    for person in (pest, other):
        for deed in ("favourite", "reblog"):
            assert (await person.post(f"/api/v1/statuses/{status}/{deed}")).status == 200
    assert (await author.post(f"/api/v1/accounts/{pest.id}/{how}")).status == 200
    for who in ("favourited_by", "reblogged_by"):
        path = f"/api/v1/statuses/{status}/{who}"
        assert [one["username"] for one in (await author.get(path)).json()] == ["other"]
        assert len((await any_world.client.get(path)).json()) == 2
