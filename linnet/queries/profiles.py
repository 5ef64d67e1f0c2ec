"""The statuses on an account's own page."""

from dataclasses import dataclass

from linnet.domain import text as words
from linnet.domain.audience import Entry
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.views import StatusContent, StatusRow
from linnet.queries.statuses import Listed, listed
from linnet.storage import accounts, profiles
from linnet.storage.database import Database, Reader


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of an account's statuses. ``tag`` is a hashtag's key, ``""`` for any."""

    pinned: bool = False
    only_media: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    tag: str = ""

    def takes(self, row: StatusRow, content: StatusContent) -> bool:
        """Whether a post that is in no table yet is among them, as the statements have it."""
        if self.pinned or (self.only_media and not content.media):
            return False
        if self.tag and self.tag not in {words.hashtag_key(name) for name in content.tags}:
            return False
        return not self.exclude_replies or row.in_reply_to_account_id in (None, row.account_id)


async def statuses(database: Database, account_id: int, reader: int, choice: Choice, page: Page) -> tuple[Listed, ...]:
    """The latest first, as ``reader`` may see them; nothing of a suspended account. Raises NotFound."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        if not await tx.all(accounts.SQL.known, ids=(account_id,)):
            raise NotFound
        account = (await accounts.rows(tx, (account_id,))).get(account_id)
        if account is None or account.suspended_at is not None:
            return ()
        if choice.pinned:
            return await _pinned(tx, account_id, reader, page)
        statement = profiles.SQL.media_posts if choice.only_media else profiles.SQL.posts
        rows = await tx.page(
            statement,
            page,
            account_id=account_id,
            reader=reader,
            exclude_reblogs=int(choice.exclude_reblogs),
            exclude_replies=int(choice.exclude_replies),
            tag=choice.tag,
        )
        return await listed(tx, [Entry(*row) for row in rows], reader)

    return await database.read(read)


async def _pinned(tx: Reader, account_id: int, reader: int, page: Page) -> tuple[Listed, ...]:
    rows = await tx.page(profiles.SQL.pinned, page, account_id=account_id, reader=reader)
    return await listed(tx, [Entry(row[0], row[1]) for row in rows], reader, cursors=[row[2] for row in rows])
