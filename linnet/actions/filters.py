"""Changing one's filters: what one does not want to read."""

from collections.abc import Awaitable, Callable

from linnet.domain import filters as rules
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.filters import Draft, Filter, KeywordChange
from linnet.storage import changes, filters, statuses
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.statements import Statement

SQL = filters.SQL

_Change = Callable[[Writer], Awaitable[int]]


async def create(database: Database, actor: int, draft: Draft, operation: Operation) -> int:
    """The new filter's id. Raises Invalid."""
    title = rules.check_title(draft.title or "")
    contexts = rules.check_contexts(draft.contexts or ())
    action = rules.check_action(draft.action or "warn")
    keywords = [_checked(change) for change in draft.keywords if not change.destroy]
    if any(change.id is not None for change in keywords):
        raise NotFound

    async def write(tx: Writer) -> int:
        new = tx.ids.next()
        await tx.run(
            SQL.insert, id=new, account_id=actor, title=title, contexts=" ".join(contexts), action=action,
            expires_at=_expiry(tx, draft, None),
        )  # fmt: skip
        await _bound(tx, SQL.count, actor, "title", rules.FILTERS_MAX)
        for change in keywords:
            await _add(tx, actor, new, change)
        return new

    return await _change(database, actor, write, operation)


async def update(database: Database, actor: int, filter_id: int, draft: Draft, operation: Operation) -> int:
    """Changes what the draft gives. Raises Invalid or NotFound (also for a keyword that is not this filter's)."""

    async def write(tx: Writer) -> int:
        before = await _own(tx, actor, filter_id)
        await _update(tx, actor, before, draft)
        for change in draft.keywords:
            if change.id is None:
                if not change.destroy:
                    await _add(tx, actor, filter_id, _checked(change))
            elif change.id not in {each.id for each in before.keywords}:
                raise NotFound
            elif change.destroy:
                await tx.run(SQL.delete_keyword, id=change.id, account_id=actor)
            else:
                await _revise(tx, actor, before, change.id, change)
        return filter_id

    return await _change(database, actor, write, operation)


async def delete(database: Database, actor: int, filter_id: int, operation: Operation) -> int:
    """Raises NotFound."""

    async def write(tx: Writer) -> int:
        await _delete(tx, actor, filter_id)
        return filter_id

    return await _change(database, actor, write, operation)


async def add_keyword(
    database: Database, actor: int, filter_id: int, change: KeywordChange, operation: Operation
) -> int:
    """The new keyword's id. Raises Invalid or NotFound."""

    async def write(tx: Writer) -> int:
        await _own(tx, actor, filter_id)
        return await _add(tx, actor, filter_id, _checked(change))

    return await _change(database, actor, write, operation)


async def update_keyword(
    database: Database, actor: int, keyword_id: int, change: KeywordChange, operation: Operation
) -> int:
    """Raises Invalid or NotFound."""

    async def write(tx: Writer) -> int:
        await _revise(tx, actor, await _holder(tx, actor, keyword_id), keyword_id, change)
        return keyword_id

    return await _change(database, actor, write, operation)


async def delete_keyword(database: Database, actor: int, keyword_id: int, operation: Operation) -> int:
    """Raises NotFound."""

    async def write(tx: Writer) -> int:
        if not await tx.run(SQL.delete_keyword, id=keyword_id, account_id=actor):
            raise NotFound
        return keyword_id

    return await _change(database, actor, write, operation)


async def update_only(database: Database, actor: int, keyword_id: int, draft: Draft, operation: Operation) -> int:
    """Changes a filter that has one keyword, by that. Raises Invalid, NotFound, or Conflict where it has more and more
    than the keyword would change."""
    (change,) = draft.keywords

    async def write(tx: Writer) -> int:
        before = await _holder(tx, actor, keyword_id)
        await _revise(tx, actor, before, keyword_id, change)
        if len(before.keywords) == 1:
            await _update(tx, actor, before, draft)
        elif draft.contexts is not None or draft.action is not None or draft.expires:
            raise Conflict("These parameters cannot be changed from this application: the filter has several keywords")
        return keyword_id

    return await _change(database, actor, write, operation)


async def delete_only(database: Database, actor: int, keyword_id: int, operation: Operation) -> int:
    """Takes a keyword away, and the filter with its last one. Raises NotFound."""

    async def write(tx: Writer) -> int:
        before = await _holder(tx, actor, keyword_id)
        await tx.run(SQL.delete_keyword, id=keyword_id, account_id=actor)
        if len(before.keywords) == 1 and not before.statuses:
            await tx.run(SQL.delete, id=before.id, account_id=actor)
        return keyword_id

    return await _change(database, actor, write, operation)


async def add_status(database: Database, actor: int, filter_id: int, status_id: int, operation: Operation) -> int:
    """Names a single status; the entry's id, also where it stood there before. Raises Invalid or NotFound."""

    async def write(tx: Writer) -> int:
        before = await _own(tx, actor, filter_id)
        if await tx.one(statuses.SQL.target, id=status_id, reader=actor) is None:
            raise NotFound
        for each in before.statuses:
            if each.status_id == status_id:
                return each.id
        new = tx.ids.next()
        await tx.run(SQL.insert_status, id=new, account_id=actor, filter_id=filter_id, status_id=status_id)
        await _bound(tx, SQL.count_statuses, actor, "status_id", rules.STATUSES_MAX)
        return new

    return await _change(database, actor, write, operation)


async def delete_status(database: Database, actor: int, id: int, operation: Operation) -> int:
    """Raises NotFound."""

    async def write(tx: Writer) -> int:
        if not await tx.run(SQL.delete_status, id=id, account_id=actor):
            raise NotFound
        return id

    return await _change(database, actor, write, operation)


async def _change(database: Database, actor: int, fn: _Change, operation: Operation) -> int:
    async def write(tx: Writer) -> int:
        # First of all: whoever changes filters of the same account waits here, so that nobody passes a limit unseen.
        if not await tx.run(SQL.renew, account_id=actor, fresh=tx.ids.next()):
            raise NotFound
        done = await fn(tx)
        await tx.run(SQL.rest, account_id=actor)
        await changes.append(tx, "filters.changed", actor, done)
        return done

    return await database.write(write, operation, returns=int)


async def _own(tx: Writer, actor: int, filter_id: int) -> Filter:
    found = await filters.one(tx, actor, filter_id)
    if found is None:
        raise NotFound
    return found


async def _holder(tx: Writer, actor: int, keyword_id: int) -> Filter:
    """The filter that a keyword belongs to."""
    row = await tx.one(SQL.keyword, id=keyword_id, account_id=actor)
    if row is None:
        raise NotFound
    return await _own(tx, actor, row[1])


async def _update(tx: Writer, actor: int, before: Filter, draft: Draft) -> None:
    contexts = before.contexts if draft.contexts is None else rules.check_contexts(draft.contexts)
    await tx.run(
        SQL.update,
        id=before.id,
        account_id=actor,
        title=before.title if draft.title is None else rules.check_title(draft.title),
        contexts=" ".join(contexts),
        action=before.action if draft.action is None else rules.check_action(draft.action),
        expires_at=_expiry(tx, draft, before.expires_at),
    )


def _expiry(tx: Writer, draft: Draft, before: int | None) -> int | None:
    if not draft.expires:
        return before
    return None if draft.expires_in_ms is None else tx.now + draft.expires_in_ms


def _checked(change: KeywordChange) -> KeywordChange:
    return change._replace(keyword=rules.check_keyword(change.keyword or ""))


async def _add(tx: Writer, actor: int, filter_id: int, change: KeywordChange) -> int:
    new = tx.ids.next()
    # Whole words unless it is said: as in Mastodon, whatever its documents say.
    whole = 1 if change.whole_word is None else int(change.whole_word)
    await tx.run(
        SQL.insert_keyword, id=new, account_id=actor, filter_id=filter_id, keyword=change.keyword, whole_word=whole
    )
    await _bound(tx, SQL.count_keywords, actor, "keyword", rules.KEYWORDS_MAX)
    return new


async def _revise(tx: Writer, actor: int, holder: Filter, keyword_id: int, change: KeywordChange) -> None:
    (before,) = (each for each in holder.keywords if each.id == keyword_id)
    await tx.run(
        SQL.update_keyword,
        id=keyword_id,
        account_id=actor,
        keyword=before.keyword if change.keyword is None else rules.check_keyword(change.keyword),
        whole_word=int(before.whole_word if change.whole_word is None else change.whole_word),
    )


async def _delete(tx: Writer, actor: int, filter_id: int) -> None:
    if not await tx.run(SQL.delete, id=filter_id, account_id=actor):
        raise NotFound
    await tx.run(SQL.delete_keywords_of, account_id=actor, filter_id=filter_id)
    await tx.run(SQL.delete_statuses_of, account_id=actor, filter_id=filter_id)


async def _bound(tx: Writer, count: Statement, actor: int, field: str, most: int) -> None:
    row = await tx.one(count, account_id=actor)
    if row is not None and row[0] > most:
        raise Invalid(field, f"is one too many: an account may have {most} of them", "ERR_TOO_MANY")
