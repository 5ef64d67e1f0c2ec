"""Two ways to find what large authors have posted, a window over all and a probe for each, show the same home."""

import random

import pytest

from linnet.actions import blocks, follows, interactions, statuses, suspensions
from linnet.domain.paging import Page
from linnet.domain.relations import FollowOptions
from linnet.domain.site import Limits, Site
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility
from linnet.queries import timelines
from linnet.storage.database import Operation
from tests.support.client import make_account

SITE = Site("http://linnet.test", limits=Limits(merge_followers=0))
"""Everybody is a large author."""


async def test_a_probe_for_each_author_finds_what_the_window_finds(database, monkeypatch: pytest.MonkeyPatch):
    dice = random.Random(7)
    people = [await make_account(database, f"p{number}") for number in range(6)]
    reader = people[0]
    for author in people[1:4]:
        await follows.follow(database, SITE, reader, author, FollowOptions(), Operation(f"follow {author}"))
    posted: list[int] = []
    for number in range(40):
        author = dice.choice(people)
        if posted and number % 5 == 0:
            original, operation = dice.choice(posted), Operation(f"reblog {number}")
            await interactions.reblog(database, SITE, author, original, Visibility.PUBLIC, operation)
        else:
            draft = Draft(f"hello {number}", visibility=dice.choice([Visibility.PUBLIC, Visibility.UNLISTED]))
            posted.append(await statuses.post(database, SITE, author, draft, Operation(f"post {number}")))
    await blocks.block(database, reader, people[3], Operation("block"))

    async def entries(page: Page) -> list[int]:
        return [place.row.id for place in await timelines.home(database, reader, page)]

    async def pages(scan: int) -> list[list[int]]:
        monkeypatch.setattr(timelines, "SCAN", scan)
        found = [await entries(Page(limit=4))]
        while found[-1]:
            found.append(await entries(Page(limit=4, max_id=found[-1][-1])))
        return [*found, await entries(Page(limit=4, min_id=found[-2][-1], forward=True))]

    by_window = await pages(200)
    assert sum(map(len, by_window)) > 12
    assert await pages(1) == by_window

    await suspensions.suspend(database, None, people[1], Operation("suspend"))
    without = await pages(200)
    assert 0 < sum(map(len, without)) < sum(map(len, by_window))
    assert await pages(1) == without
