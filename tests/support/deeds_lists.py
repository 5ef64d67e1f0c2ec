"""Deeds on lists, hashtags that are followed or featured, endorsements, suggestions and other servers."""

from functools import partial

from linnet.actions import lists
from linnet.domain.lists import ListChanges
from tests.support.deeds import following
from tests.support.stage import Call, Stage, deed

# -- lists ------------------------------------------------------------------------------------------------------------


@deed("lists.create")
async def create(stage: Stage) -> Call:
    return partial(lists.create, stage.database, await stage.person(), ListChanges("Friends", "none", True))


async def _filled(stage: Stage) -> tuple[int, int, int]:
    """Somebody, their list, and who is in it."""
    actor, target = await following(stage)
    new = int(await stage.do(lists.create, actor, ListChanges("Friends")))
    await stage.do(lists.add, actor, new, [target])
    return actor, new, target


@deed("lists.update")
async def update(stage: Stage) -> Call:
    actor, new, _ = await _filled(stage)
    return partial(lists.update, stage.database, actor, new, ListChanges("Others", "followed", True))


@deed("lists.delete")
async def delete(stage: Stage) -> Call:
    actor, new, _ = await _filled(stage)
    return partial(lists.delete, stage.database, actor, new)


@deed("lists.add")
async def add(stage: Stage) -> Call:
    actor, target = await following(stage)
    new = int(await stage.do(lists.create, actor, ListChanges("Friends")))
    return partial(lists.add, stage.database, actor, new, [actor, target])


@deed("lists.remove")
async def remove(stage: Stage) -> Call:
    actor, new, target = await _filled(stage)
    return partial(lists.remove, stage.database, actor, new, [target])
