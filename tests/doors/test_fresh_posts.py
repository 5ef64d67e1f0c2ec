"""A post's answer is rendered from what was written, and is what somebody gets who has to read it."""

import pytest

from linnet import app
from tests.support.client import Client, World

POSTS = [
    {"status": "hello"},
    {"status": "#tags and @other and https://example.org/?a=1&b=2 <b>", "language": "de", "visibility": "unlisted"},
    {"status": "hidden ä😀\n\nlines", "spoiler_text": "careful :cat:", "sensitive": True},
    {"status": "only you @other", "visibility": "direct"},
    {"status": ":cat: is no emoji here"},
]


@pytest.mark.parametrize("post", POSTS, ids=range(len(POSTS)))
async def test_the_answer_to_a_post_is_what_is_read_later(any_world: World, post: dict[str, object]):
    author, _ = await any_world.people("author", "other")
    cold = Client(app.build(any_world.parts, runs_jobs=False))
    first = await author.post("/api/v1/statuses", json=post)
    reply = await author.post("/api/v1/statuses", json={**post, "in_reply_to_id": first.json()["id"]})
    addresses = [f"/api/v1/statuses/{answer.json()['id']}" for answer in (first, reply)]
    fresh = [(await cold.get(address, token=author.token)).body for address in addresses]
    assert [(await author.get(address)).body for address in addresses] == fresh
    assert (first.status, reply.status, reply.body) == (200, 200, fresh[1])
    assert reply.json()["in_reply_to_account_id"] == str(author.id)
