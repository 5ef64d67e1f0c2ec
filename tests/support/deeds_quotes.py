"""Deeds on quotes and on trends."""

from linnet.actions import quotes, trends
from linnet.domain.quotes import Policy
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
    moderator = await stage.moderator()
    return lambda operation: trends.suppress(stage.database, moderator, "tag", "steam", operation)


@deed("trends.allow")
async def allow(stage: Stage) -> Call:
    moderator = await stage.moderator()
    await stage.do(trends.suppress, moderator, "tag", "coal")
    return lambda operation: trends.allow(stage.database, moderator, "tag", "coal", operation)
