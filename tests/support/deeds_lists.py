"""Deeds on lists, hashtags that are followed or featured, endorsements, suggestions and other servers."""

from functools import partial

from linnet.actions import domain_blocks, endorsements, follows, lists, suggestions, tags, texts
from linnet.domain.lists import ListChanges
from linnet.domain.relations import FollowOptions
from tests.storage.queries import sql
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


# -- hashtags ---------------------------------------------------------------------------------------------------------


@deed("tags.follow")
async def follow_tag(stage: Stage) -> Call:
    actor, author = await stage.pair()
    name = f"Followed{stage.number()}"
    await stage.status(author, f"something #{name}")
    return partial(tags.follow, stage.database, actor, name)


@deed("tags.unfollow")
async def unfollow_tag(stage: Stage) -> Call:
    actor = await stage.person()
    await stage.do(tags.follow, actor, "Followed")
    # Goes to whoever follows it by a job of its own.
    await stage.status(await stage.person(), "more that is #followed")
    return partial(tags.unfollow, stage.database, actor, "followed")


@deed("tags.feature")
async def feature(stage: Stage) -> Call:
    actor = await stage.person()
    await stage.status(actor)
    return partial(tags.feature, stage.database, actor, "tag")


@deed("tags.unfeature")
async def unfeature(stage: Stage) -> Call:
    actor = await stage.person()
    await stage.do(tags.feature, actor, "tag")
    return partial(tags.unfeature, stage.database, actor, "tag")


@deed("tags.unfeature_by_id")
async def unfeature_by_id(stage: Stage) -> Call:
    actor = await stage.person()
    await stage.do(tags.feature, actor, "tag")
    row = await stage.one("select id from featured_tags where account_id = :id", id=actor)
    return partial(tags.unfeature_by_id, stage.database, actor, int(row[0]))


# -- endorsements, suggestions, other servers -------------------------------------------------------------------------


@deed("endorsements.endorse")
async def endorse(stage: Stage) -> Call:
    return partial(endorsements.endorse, stage.database, *await following(stage))


@deed("endorsements.unendorse")
async def unendorse(stage: Stage) -> Call:
    actor, target = await following(stage)
    await stage.do(endorsements.endorse, actor, target)
    return partial(endorsements.unendorse, stage.database, actor, target)


@deed("suggestions.decline")
async def decline(stage: Stage) -> Call:
    return partial(suggestions.decline, stage.database, *await stage.pair())


@deed("domain_blocks.block")
async def block_domain(stage: Stage) -> Call:
    actor, other = await following(stage)
    domain = f"far{stage.number()}.example"
    await stage.do(follows.follow, stage.site, other, actor, FollowOptions())
    moved = sql("update accounts set domain = :domain where id = :id")
    await stage.database.write(lambda tx: tx.run(moved, domain=domain, id=other))
    return partial(domain_blocks.block, stage.database, stage.site, actor, domain)


@deed("domain_blocks.unblock")
async def unblock_domain(stage: Stage) -> Call:
    actor = await stage.person()
    await stage.do(domain_blocks.block, stage.site, actor, "far.example")
    return partial(domain_blocks.unblock, stage.database, stage.site, actor, "far.example")


# -- what the operator writes -----------------------------------------------------------------------------------------


@deed("texts.put")
async def put_text(stage: Stage) -> Call:
    await stage.do(texts.put, "privacy_policy", "No policy")
    return partial(texts.put, stage.database, "privacy_policy", f"Policy *{stage.number()}*")


@deed("texts.remove")
async def remove_text(stage: Stage) -> Call:
    await stage.do(texts.put, "terms_of_service", "Terms")
    return partial(texts.remove, stage.database, "terms_of_service")


# -- what two may do at once ------------------------------------------------------------------------------------------


async def adding_and_unfollowing(stage: Stage) -> tuple[Call, Call]:
    actor, target = await following(stage)
    new = int(await stage.do(lists.create, actor, ListChanges("Friends")))
    add_ = partial(lists.add, stage.database, actor, new, [target])
    return add_, partial(follows.unfollow, stage.database, actor, target)


async def adding_and_deleting(stage: Stage) -> tuple[Call, Call]:
    actor, target = await following(stage)
    new = int(await stage.do(lists.create, actor, ListChanges("Friends")))
    return partial(lists.add, stage.database, actor, new, [target]), partial(lists.delete, stage.database, actor, new)


async def endorsing_and_unfollowing(stage: Stage) -> tuple[Call, Call]:
    given = await following(stage)
    endorse_ = partial(endorsements.endorse, stage.database, *given)
    return endorse_, partial(follows.unfollow, stage.database, *given)


PAIRS = {made.__name__: made for made in (adding_and_unfollowing, adding_and_deleting, endorsing_and_unfollowing)}
