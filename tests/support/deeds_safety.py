"""Deeds about what one reads and does not want to: filters, conversations, reports, announcements."""

from functools import partial

from linnet.actions import announcements, conversations, filters, follows, reports
from linnet.domain.announcements import Draft as Notice
from linnet.domain.filters import Draft, KeywordChange
from linnet.domain.relations import FollowOptions
from linnet.domain.reports import Complaint
from linnet.domain.visibility import Visibility
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


async def _conversation(stage: Stage) -> tuple[int, int]:
    """Somebody who was spoken to, and the conversation's id."""
    author, actor = await stage.pair()
    await stage.do(follows.follow, stage.site, actor, author, FollowOptions())
    name = (await stage.one("select username from accounts where id = :id", id=actor))[0]
    await stage.status(author, f"@{name} psst", visibility=Visibility.DIRECT)
    return actor, (await stage.one("select id from conversations where account_id = :id", id=actor))[0]


@deed("conversations.read")
async def read_conversation(stage: Stage) -> Call:
    return partial(conversations.read, stage.database, *await _conversation(stage))


@deed("conversations.unread")
async def unread_conversation(stage: Stage) -> Call:
    actor, made = await _conversation(stage)
    await stage.do(conversations.read, actor, made)
    return partial(conversations.unread, stage.database, actor, made)


@deed("conversations.delete")
async def delete_conversation(stage: Stage) -> Call:
    return partial(conversations.delete, stage.database, *await _conversation(stage))


async def _report(stage: Stage) -> int:
    """A report's id."""
    await stage.moderator()
    actor, target = await stage.pair()
    return int(await stage.do(reports.report, actor, Complaint(target, comment="hm")))


@deed("reports.report")
async def report(stage: Stage) -> Call:
    await stage.moderator()
    actor, target = await stage.pair()
    complaint = Complaint(target, "spam", "again", (await stage.status(target),))
    return partial(reports.report, stage.database, actor, complaint)


@deed("reports.resolve")
async def resolve_report(stage: Stage) -> Call:
    return partial(reports.resolve, stage.database, await stage.moderator(), await _report(stage))


@deed("reports.reopen")
async def reopen_report(stage: Stage) -> Call:
    made, moderator = await _report(stage), await stage.moderator()
    await stage.do(reports.resolve, moderator, made)
    return partial(reports.reopen, stage.database, moderator, made)


async def _announcement(stage: Stage, publish_at: int | None = 0) -> int:
    """An announcement's id."""
    return int(await stage.do(announcements.create, stage.site, Notice("tea #tag", publish_at)))


@deed("announcements.create")
async def announce(stage: Stage) -> Call:
    return partial(announcements.create, stage.database, stage.site, Notice("tea #tag", 0, 1, 2))


@deed("announcements.publish")
async def publish_announcement(stage: Stage) -> Call:
    return partial(announcements.publish, stage.database, await _announcement(stage, None))


@deed("announcements.delete")
async def delete_announcement(stage: Stage) -> Call:
    return partial(announcements.delete, stage.database, await _announcement(stage))


@deed("announcements.dismiss")
async def dismiss_announcement(stage: Stage) -> Call:
    return partial(announcements.dismiss, stage.database, await stage.person(), await _announcement(stage))


@deed("announcements.react")
async def react(stage: Stage) -> Call:
    return partial(announcements.react, stage.database, await stage.person(), await _announcement(stage), "👍")


@deed("announcements.unreact")
async def unreact(stage: Stage) -> Call:
    actor, made = await stage.person(), await _announcement(stage)
    await stage.do(announcements.react, actor, made, "👍")
    return partial(announcements.unreact, stage.database, actor, made, "👍")
