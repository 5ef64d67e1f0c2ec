"""What a post will look like is found by reading alone; what was accepted before is stored whatever has gone since."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from linnet.actions import deletions, draining, edits, statuses, suspensions
from linnet.domain import ids
from linnet.domain import statuses as rules
from linnet.domain.errors import IdTaken, LinnetError
from linnet.domain.journal import Entry
from linnet.domain.polls import PollDraft
from linnet.domain.quotes import Policy
from linnet.domain.statuses import MARKDOWN, Draft
from linnet.domain.views import StatusContent, StatusRow
from linnet.domain.visibility import Visibility
from linnet.storage import statuses as rows
from tests.support.access import Letters
from tests.support.stage import Stage
from tests.support.tables import differences, dump

Kind = Callable[[Stage, int], Awaitable[Draft]]


@pytest.fixture
async def stage(open_any_world: Any) -> Stage:
    return Stage(await open_any_world(mail=Letters()))


async def _stored(stage: Stage, id: int, reader: int) -> tuple[StatusRow, StatusContent]:
    async def read(tx: Any) -> tuple[StatusRow, StatusContent]:
        return (await rows.rows(tx, (id,), reader))[id], (await rows.contents(tx, (id,)))[id]

    return await stage.database.read(read)


async def plain(stage: Stage, author: int) -> Draft:
    return Draft("hello #Tag", spoiler="careful", language="de", app_name="App", app_website="https://app.example")


async def naming(stage: Stage, author: int) -> Draft:
    await stage.person()
    return Draft("**hello** @p1 and @nobody", content_type=MARKDOWN, visibility=Visibility.DIRECT)


async def pictured(stage: Stage, author: int) -> Draft:
    first, second = await stage.upload(author), await stage.upload(author)
    return Draft("", sensitive=True, media_ids=(second, first))


async def asking(stage: Stage, author: int) -> Draft:
    return Draft("well?", poll=PollDraft(("yes", "no", "both"), 600, multiple=True), quote_policy=Policy.NOBODY)


async def answering(stage: Stage, author: int) -> Draft:
    other = await stage.person()
    parent = await stage.status(other, local_only=True)
    return Draft("no", visibility=Visibility.UNLISTED, in_reply_to_id=parent)


async def going_on(stage: Stage, author: int) -> Draft:
    parent = await stage.status(await stage.person())
    return Draft("and", in_reply_to_id=await stage.status(author, in_reply_to_id=parent))


async def quoting(stage: Stage, author: int) -> Draft:
    return Draft("see", quoted_status_id=await stage.status(await stage.person()))


async def linking(stage: Stage, author: int) -> Draft:
    return Draft("see https://example.com/page")


@pytest.mark.parametrize(
    "kind", [plain, naming, pictured, asking, answering, going_on, quoting, linking], ids=lambda kind: kind.__name__
)
async def test_what_is_composed_is_what_is_stored(stage: Stage, kind: Kind):
    author = await stage.person()
    draft = rules.check(await kind(stage, author), stage.site.limits)
    id = stage.world.parts.ids.next()
    before = await dump(stage.database)
    composed = await stage.database.read(lambda tx: statuses.compose(tx, stage.site, author, draft, id))
    assert not differences(before, await dump(stage.database))
    assert await statuses.post(stage.database, stage.site, author, draft, stage.operation(), id=id) == id
    row, content = await _stored(stage, id, author)
    assert (composed.row[:-1], composed.content) == (row[:-1], content)
    # The column is text of JSON, which the database spaces as it likes.
    names = ("poll", "quotes", "quote_policy", "quote_of_id", "quote_state", "reactions")
    assert {name: getattr(composed.row, name) for name in names} == {name: getattr(row, name) for name in names}


async def _refused(stage: Stage, author: int, draft: Draft) -> tuple[type[LinnetError], type[LinnetError]]:
    id = stage.world.parts.ids.next()
    with pytest.raises(LinnetError) as composed:
        await stage.database.read(lambda tx: statuses.compose(tx, stage.site, author, draft, id))
    with pytest.raises(LinnetError) as posted:
        await statuses.post(stage.database, stage.site, author, draft, stage.operation(), id=id)
    assert str(composed.value) == str(posted.value)
    return composed.type, posted.type


async def test_what_may_not_be_posted_is_refused_alike(stage: Stage):
    author, other = await stage.pair()
    secret = await stage.status(other, visibility=Visibility.PRIVATE)
    taken = await stage.upload(author)
    await stage.status(author, media_ids=(taken,))
    public = await stage.status(other)
    for draft in (
        Draft("reply", in_reply_to_id=secret),
        Draft("quote", quoted_status_id=secret),
        Draft("behind a back", quoted_status_id=public, visibility=Visibility.DIRECT),
        Draft("used", media_ids=(taken,)),
        Draft("theirs", media_ids=(await stage.upload(other),)),
    ):
        composed, posted = await _refused(stage, author, draft)
        assert composed is posted
    await stage.do(suspensions.suspend, await stage.moderator(), author)
    await _refused(stage, author, Draft("suspended"))


async def test_an_id_that_another_status_has_is_not_taken_from_it(stage: Stage):
    author, other = await stage.pair()
    id = await stage.status(other, "the first")
    before = await dump(stage.database)
    with pytest.raises(IdTaken):
        await statuses.post(stage.database, stage.site, author, Draft("the second"), stage.operation(), id=id)
    assert not differences(before, await dump(stage.database))


async def _accept(stage: Stage, author: int, draft: Draft, id: int = 0) -> int | None:
    """What was accepted is stored; its id."""
    given = id or stage.world.parts.ids.next()
    entry = Entry(given, author, stage.operation().key, 0, msgspec.json.encode(draft).decode())
    stored = await stage.database.write(lambda tx: draining.store(tx, stage.site, [entry]))
    return stored[entry.operation] or None


async def test_what_was_accepted_is_stored_without_what_has_gone(stage: Stage):
    author, other = await stage.pair()
    parent, quoted, mine = await stage.status(other), await stage.status(other), await stage.upload(author)
    used = await stage.upload(author)
    draft = Draft("hello", in_reply_to_id=parent, quoted_status_id=quoted, media_ids=(used, mine), local_only=True)
    await stage.do(edits.delete, other, parent)
    await stage.do(edits.delete, other, quoted)
    await stage.status(author, media_ids=(used,))
    id = await _accept(stage, author, draft)
    assert id is not None
    row, content = await _stored(stage, id, author)
    assert (row.in_reply_to_id, row.quote_of_id) == (None, None)
    assert ([one.id for one in content.media], content.local_only) == ([mine], 1)


async def test_what_was_accepted_of_somebody_suspended_is_stored_and_of_somebody_deleted_is_not(stage: Stage):
    author, gone = await stage.pair()
    await stage.do(suspensions.suspend, await stage.moderator(), author)
    id = await _accept(stage, author, Draft("hello"))
    assert id is not None
    assert (await _stored(stage, id, author))[1].text == "hello"
    await stage.do(deletions.delete, None, gone)
    assert await _accept(stage, gone, Draft("hello")) is None


async def test_what_was_accepted_under_an_id_of_another_gets_one_of_its_own(stage: Stage):
    author, other = await stage.pair()
    theirs = await stage.status(other, "theirs")
    id = await _accept(stage, author, Draft("mine"), theirs)
    assert id not in (None, theirs)
    assert [(await _stored(stage, one, author))[1].text for one in (theirs, id or 0)] == ["theirs", "mine"]


async def test_a_private_quote_of_whom_the_text_does_not_name_any_more_is_stored_as_words(stage: Stage):
    author, other = await stage.pair()
    quoted = await stage.status(other)
    draft = Draft("behind a back", quoted_status_id=quoted, visibility=Visibility.DIRECT)
    id = await _accept(stage, author, draft)
    assert id is not None
    assert (await _stored(stage, id, author))[0].quote_of_id is None
    named = replace(draft, text="to @p2", quoted_status_id=quoted)
    id = await _accept(stage, author, named)
    assert id is not None
    assert (await _stored(stage, id, author))[0].quote_of_id == quoted


async def test_a_post_is_of_the_time_that_its_id_was_minted_at(stage: Stage):
    author = await stage.person()
    minute = 60_000 << 22
    early = stage.world.parts.ids.next() - minute
    poll = PollDraft(("yes", "no"), 30)
    assert await _accept(stage, author, Draft("well?", poll=poll), early) == early
    row, content = await _stored(stage, early, author)
    assert content.poll is not None
    assert content.poll.expires_at == ids.milliseconds(early) + 30_000
    assert row.author_last_status_at == ids.milliseconds(early)
    assert row.poll is not None
    assert row.poll.replace(" ", "").startswith("[1,0,")
