"""Deeds about what one reads and does not want to: filters, conversations, reports, announcements."""

from functools import partial

from linnet.actions import filters
from linnet.domain.filters import Draft, KeywordChange
from tests.support.stage import Call, Stage, deed


async def _filter(stage: Stage) -> tuple[int, int, int]:
    """Somebody with a filter, and the ids of that and of its keyword."""
    actor = await stage.person()
    draft = Draft("Animals", ("home", "public"), "hide", True, 60_000, (KeywordChange(None, "cat"),))
    made = await stage.do(filters.create, actor, draft)
    row = await stage.one("select id from filter_keywords where filter_id = :id", id=made)
    return actor, made, row[0]


@deed("filters.create")
async def create_filter(stage: Stage) -> Call:
    draft = Draft("Plants", ("thread",), "blur", True, 60_000, (KeywordChange(None, "oak"), KeywordChange(None, "elm")))
    return partial(filters.create, stage.database, await stage.person(), draft)


@deed("filters.update")
async def update_filter(stage: Stage) -> Call:
    actor, made, keyword = await _filter(stage)
    changes = (KeywordChange(keyword, "cow", False), KeywordChange(None, "dog"))
    draft = Draft("Others", ("account",), "warn", True, None, changes)
    return partial(filters.update, stage.database, actor, made, draft)


@deed("filters.delete")
async def delete_filter(stage: Stage) -> Call:
    actor, made, _ = await _filter(stage)
    return partial(filters.delete, stage.database, actor, made)


@deed("filters.add_keyword")
async def add_keyword(stage: Stage) -> Call:
    actor, made, _ = await _filter(stage)
    return partial(filters.add_keyword, stage.database, actor, made, KeywordChange(None, "cow"))


@deed("filters.update_keyword")
async def update_keyword(stage: Stage) -> Call:
    actor, _, keyword = await _filter(stage)
    return partial(filters.update_keyword, stage.database, actor, keyword, KeywordChange(None, "cow", False))


@deed("filters.delete_keyword")
async def delete_keyword(stage: Stage) -> Call:
    actor, _, keyword = await _filter(stage)
    return partial(filters.delete_keyword, stage.database, actor, keyword)


@deed("filters.update_only")
async def update_only(stage: Stage) -> Call:
    actor, _, keyword = await _filter(stage)
    draft = Draft("cow", ("thread",), "warn", True, None, (KeywordChange(None, "cow", False),))
    return partial(filters.update_only, stage.database, actor, keyword, draft)


@deed("filters.delete_only")
async def delete_only(stage: Stage) -> Call:
    actor, _, keyword = await _filter(stage)
    return partial(filters.delete_only, stage.database, actor, keyword)


@deed("filters.add_status")
async def add_filter_status(stage: Stage) -> Call:
    actor, made, _ = await _filter(stage)
    return partial(filters.add_status, stage.database, actor, made, await stage.status(actor))


@deed("filters.delete_status")
async def delete_filter_status(stage: Stage) -> Call:
    actor, made, _ = await _filter(stage)
    entry = await stage.do(filters.add_status, actor, made, await stage.status(actor))
    return partial(filters.delete_status, stage.database, actor, entry)
