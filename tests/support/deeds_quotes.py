"""Deeds on quotes and on trends, and pairs of deeds on quotes and links at once."""

from collections.abc import Awaitable, Callable
from functools import partial

from linnet.actions import edits, quotes, statuses, trends
from linnet.domain.quotes import Policy
from linnet.domain.statuses import Draft
from tests.support.stage import Call, Stage, deed


@deed("quotes.set_policy")
async def set_policy(stage: Stage) -> Call:
    author = await stage.person()
    status = await stage.status(author)
    return lambda operation: quotes.set_policy(stage.database, author, status, Policy.FOLLOWERS, operation)


@deed("quotes.revoke")
async def revoke(stage: Stage) -> Call:
    author, other = await stage.pair()
    status = await stage.status(author)
    quoting = await stage.status(other, quoted_status_id=status)
    return lambda operation: quotes.revoke(stage.database, author, status, quoting, operation)


@deed("trends.suppress")
async def suppress(stage: Stage) -> Call:
    moderator, tag = await stage.moderator(), f"steam{stage.number()}"
    return lambda operation: trends.suppress(stage.database, moderator, "tag", tag, operation)


@deed("trends.allow")
async def allow(stage: Stage) -> Call:
    moderator, tag = await stage.moderator(), f"coal{stage.number()}"
    await stage.do(trends.suppress, moderator, "tag", tag)
    return lambda operation: trends.allow(stage.database, moderator, "tag", tag, operation)


async def _two_quotes(stage: Stage) -> tuple[Call, Call]:
    author, other = await stage.pair()
    draft = Draft("look", quoted_status_id=await stage.status(author))
    one, two = (partial(statuses.post, stage.database, stage.site, who, draft) for who in (author, other))
    return one, two


async def _quote_and_deletion(stage: Stage) -> tuple[Call, Call]:
    author, other = await stage.pair()
    status = await stage.status(author)
    quote = partial(statuses.post, stage.database, stage.site, other, Draft("look", quoted_status_id=status))
    return quote, partial(edits.delete, stage.database, author, status)


async def _revocation_and_deletion(stage: Stage) -> tuple[Call, Call]:
    author, other = await stage.pair()
    status = await stage.status(author)
    quote = await stage.status(other, quoted_status_id=status)
    return partial(quotes.revoke, stage.database, author, status, quote), partial(
        edits.delete, stage.database, other, quote
    )


async def _two_links(stage: Stage) -> tuple[Call, Call]:
    author, other = await stage.pair()
    draft = Draft(f"look http://outside.example:9/{stage.number()} #link")
    one, two = (partial(statuses.post, stage.database, stage.site, who, draft) for who in (author, other))
    return one, two


PAIRS: dict[str, Callable[[Stage], Awaitable[tuple[Call, Call]]]] = {
    "two quotes": _two_quotes,
    "a quote and the deletion of what it quotes": _quote_and_deletion,
    "a quote taken back and deleted": _revocation_and_deletion,
    "two posts with one link": _two_links,
}
"""For tests/storage/test_concurrency.py."""
