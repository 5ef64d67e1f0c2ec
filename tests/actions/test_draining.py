"""Posts come out of the journal into the database: once each, under their receipts, on both engines."""

from typing import Any

import msgspec
import pytest

from linnet.actions import draining, edits, statuses, tags
from linnet.domain.journal import Entry
from linnet.domain.statuses import Draft
from linnet.queries import statuses as queries
from linnet.storage import aliases
from linnet.storage.database import Operation
from linnet.storage.journal import TooLate
from tests.storage.queries import sql
from tests.support.access import Letters
from tests.support.stage import Stage


@pytest.fixture
async def stage(open_any_world: Any) -> Stage:
    return Stage(await open_any_world(mail=Letters()))


def waiting(stage: Stage, author: int, text: str, operation: str = "", answers: int | None = None) -> Entry:
    id = stage.world.parts.ids.next()
    draft = Draft(text, in_reply_to_id=answers)
    return Entry(id, author, operation or f"waits {id}", 0, msgspec.json.encode(draft).decode())


async def drain(stage: Stage, *entries: Entry, epoch: int = 5) -> None:
    await draining.drain(stage.database, stage.site, entries, epoch)


async def stored(stage: Stage) -> list[tuple[int, str]]:
    """Ids and words of all statuses, in the order of their news."""

    async def read(tx: Any) -> list[tuple[int, str]]:
        rows = await tx.all(
            sql(
                "select c.subject_id, s.text from changes c join status_contents s on s.status_id = c.subject_id "
                "where c.kind = 'status.posted' order by c.sequence"
            )
        )
        return [(int(row[0]), row[1]) for row in rows]

    return await stage.database.read(read)


async def meant(stage: Stage, *ids: int) -> dict[int, int]:
    return await stage.database.read(lambda tx: aliases.of(tx, ids))


async def test_what_waited_is_stored_in_order_with_all_that_follows_from_it(stage: Stage):
    author, other = await stage.pair()
    entries = [waiting(stage, who, f"post {number}") for number, who in enumerate((author, other, author))]
    await drain(stage, *entries)
    assert await stored(stage) == [(entry.id, f"post {number}") for number, entry in enumerate(entries)]


async def test_draining_twice_changes_nothing(stage: Stage):
    """A drainer that died after its commit, before it had told the journal."""
    author = await stage.person()
    entries = [waiting(stage, author, "one"), waiting(stage, author, "two")]
    await drain(stage, *entries)
    before = await stored(stage)
    await drain(stage, *entries, epoch=6)
    assert await stored(stage) == before
    assert await meant(stage, *(entry.id for entry in entries)) == {}


async def test_a_deleted_post_does_not_come_back(stage: Stage):
    author = await stage.person()
    entry = waiting(stage, author, "gone")
    await drain(stage, entry)
    await stage.do(edits.delete, author, entry.id)
    await drain(stage, entry, epoch=6)
    assert await stored(stage) == []


async def test_what_was_stored_under_another_id_is_found_under_both(stage: Stage):
    author = await stage.person()
    operation = Operation("the same request")
    first = await statuses.post(stage.database, stage.site, author, Draft("once"), operation)
    entry = waiting(stage, author, "once", operation.key)
    await drain(stage, entry)
    assert await stored(stage) == [(first, "once")]
    assert await meant(stage, entry.id, first, 5) == {entry.id: first}
    await drain(stage, entry, epoch=6)
    assert await meant(stage, entry.id) == {entry.id: first}


async def test_the_same_request_afterwards_is_answered_with_the_id_of_the_drain(stage: Stage):
    author = await stage.person()
    entry = waiting(stage, author, "once")
    await drain(stage, entry)
    again = await statuses.post(stage.database, stage.site, author, Draft("once"), Operation(entry.operation))
    assert again == entry.id


async def test_whoever_comes_late_stores_nothing(stage: Stage):
    author = await stage.person()
    await drain(stage, waiting(stage, author, "new"), epoch=9)
    with pytest.raises(TooLate):
        await drain(stage, waiting(stage, author, "late"), epoch=8)
    assert [text for _, text in await stored(stage)] == ["new"]


async def test_an_account_that_is_gone_holds_nothing_up(stage: Stage):
    author = await stage.person()
    nobody, entry = waiting(stage, 12345, "whose?"), waiting(stage, author, "mine")
    await drain(stage, nobody, entry)
    assert await stored(stage) == [(entry.id, "mine")]
    assert await meant(stage, nobody.id) == {}


async def test_second_ids_go_with_their_status(stage: Stage):
    author = await stage.person()
    id = await stage.status(author)

    async def write(tx: Any) -> None:
        await aliases.add(tx, 77, id)

    await stage.database.write(write)
    other = await stage.status(author)
    found = await queries.many(stage.database, (77, other, id, 78), author)
    assert [one.row.id for one in found] == [id, other]
    await stage.do(edits.delete, author, id)
    assert await meant(stage, 77) == {77: id}
    await stage.world.run_jobs()
    assert await meant(stage, 77) == {}


class Counting:
    """A writer that counts what the database is asked for."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        if name in ("all", "one", "run", "many", "page"):
            self.asked += 1
        return getattr(self._tx, name)


async def test_a_batch_is_stored_as_if_each_had_been_posted_alone_and_asks_little_of_the_database(stage: Stage):
    author, other = await stage.pair()
    before = await stage.status(other, "before")
    # A hashtag that nobody has used yet.
    await stage.do(tags.follow, other, "dawn")
    entries = []
    for turn in range(10):
        one = waiting(stage, author, f"to @p2 and @nobody, {turn} #Wren #dawn", answers=before)
        two = waiting(stage, author, f"to myself, {turn}", answers=one.id)
        entries += [one, two, waiting(stage, author, f"and again, @P2: {turn}", answers=two.id)]
    counted: list[int] = []

    async def write(tx: Any) -> None:
        counting: Any = Counting(tx)
        await draining.store(counting, stage.site, entries)
        counted.append(counting.asked)

    await stage.database.write(write)
    # One for each that is answered from before the batch, and for each whom somebody names: the rest is for all.
    assert counted[0] <= 10 + 20 + 30, counted

    async def read(tx: Any) -> tuple[list[Any], ...]:
        rows = await tx.all(
            sql("select id, thread_id, in_reply_to_id, in_reply_to_account_id from statuses order by id")
        )
        told = await tx.all(sql("select status_id from notifications where type = 'mention' order by id"))
        named = await tx.all(sql("select status_id, account_id from mentions order by status_id"))
        tagged = await tx.all(sql("select tag, count(*) from status_tags group by tag order by tag"))
        used = await tx.all(sql("select tag, uses from tag_uses order by tag"))
        counts = await tx.all(sql("select statuses from accounts order by id"))
        fed = await tx.all(sql("select count(*) from jobs where kind = 'status.tagged'"))
        return tuple([tuple(row) for row in found] for found in (rows, told, named, tagged, used, counts, fed))

    rows, told, named, tagged, used, counts, fed = await stage.database.read(read)
    assert fed == [(10,)]
    assert rows[0] == (before, before, None, None)
    for place, entry in enumerate(entries):
        # Whoever answers their own answer still speaks to whom that one answered.
        parent = before if place % 3 == 0 else entries[place - 1].id
        assert rows[place + 1] == (entry.id, before, parent, other)
    naming = [entry.id for place, entry in enumerate(entries) if place % 3 != 1]
    assert told == [(id,) for id in naming]
    assert named == [(id, other) for id in naming]
    assert tagged == [("dawn", 10), ("wren", 10)]
    assert used == [("dawn", 10), ("wren", 10)]
    assert counts == [(30,), (1,)]


async def test_what_was_answered_in_the_same_batch_and_got_another_id_is_found(stage: Stage):
    author = await stage.person()
    taken = await stage.status(author, "somebody else's")
    first = waiting(stage, author, "first")
    first = Entry(taken, author, first.operation, 0, first.draft)
    reply = waiting(stage, author, "second", answers=taken)
    stored_ids = await stage.database.write(lambda tx: draining.store(tx, stage.site, [first, reply]))
    new = stored_ids[first.operation]
    assert new != taken
    rows = await stage.database.read(
        lambda tx: tx.all(sql("select in_reply_to_id, thread_id from statuses where id = :id"), id=reply.id)
    )
    assert [tuple(row) for row in rows] == [(new, new)]
