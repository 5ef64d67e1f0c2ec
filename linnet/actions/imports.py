"""Taking an archive in: first what is in it is found and kept as rows, then they are taken in one after another.

Both go on from where the last commit was. What cannot be taken in is a line of the report, and the rest goes on.
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from linnet.actions import import_clearing, import_media, import_posts, import_rows, import_scan
from linnet.actions.import_media import Medium
from linnet.actions.import_posts import Origin
from linnet.actions.import_rows import Here
from linnet.actions.import_scan import About, At, File, Found, Item
from linnet.archives.bounds import Bounds, Refusal
from linnet.archives.csvs import KINDS
from linnet.archives.posts import Post
from linnet.domain import files
from linnet.domain.errors import Conflict, Invalid, LinnetError, NotFound, Unavailable
from linnet.domain.site import Site
from linnet.domain.visibility import Visibility
from linnet.ports import Blobs, Chance, Ids, Images, Recordings
from linnet.storage import accounts, imports, jobs
from linnet.storage.database import Database, Operation, WriteFunction, Writer
from linnet.storage.imports import ImportRow
from linnet.storage.jobs import Job, LeaseLost
from linnet.telemetry import log

T = TypeVar("T")

SQL = imports.SQL
SCANNED = 300
"""Items found, or bytes of them, in one transaction."""
SCANNED_BYTES = 4 << 20
BATCH = 40
LINES = 1_000
"""So long a report may be; what is beyond is only counted."""
KEPT = 5
"""How many finished imports an account's page shows."""
STALLED_MS = 3_600_000


class Tools(NamedTuple):
    """What taking an archive in takes. ``turn`` lets one import at a time work in this process."""

    database: Database
    blobs: Blobs
    chance: Chance
    ids: Ids
    site: Site
    images: Images
    recordings: Recordings
    turn: asyncio.Lock
    bounds: Bounds = Bounds()


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """``overwrite``: a list replaces what is there. ``profile``: the archive's profile becomes this account's.

    ``visibility`` is for posts that would be seen by more people than that.
    """

    overwrite: bool = False
    profile: bool = True
    visibility: int = 0


class Cursor(msgspec.Struct):
    """How far an import is. ``phase``: scan, apply, replace, clear; then the place in it."""

    phase: str = "scan"
    about: About | None = None
    entry: int = 0
    item: int = 0
    found: int = 0
    lines: int = 0
    rank: int = -1
    at: int = 0
    number: int = 0


class Outcome(msgspec.Struct):
    """What became of a batch."""

    imported: int = 0
    skipped: int = 0
    refused: list[Refusal] = []
    targets: list[tuple[Any, ...]] = []


async def begin(
    tools: Tools, account_id: int, kind: str, options: Options, name: str, file: BinaryIO, size: int,
    operation: Operation, *, as_job: bool = True,
) -> int:  # fmt: skip
    """Keeps a file and has it taken in; the import's id. ``kind`` is ``archive`` or one of the CSV lists.

    Raises Invalid for an empty or too large a file or an unknown kind, Conflict where another one is under way.
    """
    if kind not in ("archive", *KINDS):
        raise Invalid("type", f"must be one of archive, {', '.join(KINDS)}", "ERR_INCLUSION")
    if not 0 < size <= tools.bounds.archive_bytes:
        most = tools.bounds.archive_bytes >> 30
        raise Invalid("file", f"must not be empty, and at most {most} GiB" if size else "is empty", "ERR_BLANK")
    folder = files.folder("imports", account_id, tools.chance.secret(files.SECRET_BYTES))
    key = files.key(folder, "archive")
    await tools.blobs.put_file(key, file)

    async def write(tx: Writer) -> tuple[int, str]:
        if not await accounts.rows(tx, (account_id,)):
            raise NotFound
        await tx.run(SQL.give_up, account_id=account_id, before=tx.now - STALLED_MS, now=tx.now)
        new = tx.ids.next()
        text = msgspec.json.encode(options).decode()
        if not await tx.run(
            SQL.insert, id=new, account_id=account_id, kind=kind, options=text, name=name[:200], file_key=key,
            bytes=size, now=tx.now,
        ):  # fmt: skip
            raise Conflict("Another import is under way: wait until it is finished")
        for (old,) in await tx.all(SQL.beyond, account_id=account_id, kept=KEPT - 1):
            await import_clearing.remove(tx, old)
        if as_job:
            await jobs.add(tx, "account.import", {"id": new})
        return new, key

    try:
        new, kept = await tools.database.write(write, operation, returns=tuple[int, str])
    except LinnetError:
        await tools.blobs.delete(key)
        raise
    if kept != key:
        await tools.blobs.delete(key)
    return new


async def run(tools: Tools, job: Job) -> None:
    """Job ``account.import``: all of it, unless this process ends before; then the next one goes on."""
    async with tools.turn:
        finished = False
        while not finished:
            finished = await step(tools, job.payload["id"], job)


async def step(tools: Tools, id: int, job: Job | None = None) -> bool:
    """Goes on by one commit, or in the scan by several; whether the import has come to its end."""
    found = await tools.database.read(lambda tx: imports.one(tx, id))
    if found is None or found.state != "running":
        if job is not None:
            await tools.database.write(lambda tx: jobs.finish(tx, job))
        return True
    run = _Run(tools, found, job)
    owner = (await tools.database.read(lambda tx: accounts.rows(tx, (found.account_id,)))).get(found.account_id)
    if owner is None or owner.suspended_at is not None:
        await run.fail("The account is suspended")
        return True
    try:
        return await run.step()
    except Invalid as error:
        # Of the archive as a whole: it is no archive, it is damaged, or it was made to do harm.
        await run.fail(f"{error.field} {error.why}")
        return True


class _Run:
    """One import for the length of a step."""

    def __init__(self, tools: Tools, found: ImportRow, job: Job | None) -> None:
        self.tools = tools
        self.row = found
        self.job = job
        self.options = msgspec.json.decode(found.options, type=Options)
        self.before = found.cursor
        self.cursor = msgspec.json.decode(found.cursor, type=Cursor)

    async def step(self) -> bool:
        if self.cursor.phase == "scan":
            await self._scan()
        elif self.cursor.phase == "apply":
            await self._apply()
        elif self.cursor.phase == "replace":
            await self._replace()
        else:
            return await self._clear()
        return False

    # -- finding what there is ----------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        file = await self._open()
        try:
            if self.cursor.about is None:
                self.cursor.about = await self._about(file)
            at, media_max = At(self.cursor.entry, self.cursor.item), import_media.bytes_max(self.tools.site)
            found = import_scan.scan(file, self.row.kind, self.cursor.about, self.tools.bounds, at, media_max=media_max)
            while batch := await asyncio.to_thread(_gathered, found):
                await self._keep(batch)
        finally:
            file.close()
        self.cursor.phase = "apply"
        self.cursor.about.person = None
        await self._commit(Outcome())

    async def _open(self) -> BinaryIO:
        file = await self.tools.blobs.fetch(self.row.file_key)
        if file is None:
            raise Invalid("archive", "has been lost: hand it in again")
        return file

    async def _about(self, file: BinaryIO) -> About:
        if self.row.kind != "archive":
            return About(origin=self.tools.site.origin)
        return await asyncio.to_thread(import_scan.about, file, self.tools.bounds)

    async def _keep(self, batch: Sequence[Found]) -> None:
        """One batch of what the scan has found, in one commit."""
        items = [one.what for one in batch if isinstance(one.what, Item)]
        media = [one.what for one in batch if isinstance(one.what, File)]
        refused = [one.what for one in batch if isinstance(one.what, Refusal)]
        keys = {one.name: await self._unpacked(one) for one in media}
        first = self.cursor.found
        self.cursor.entry, self.cursor.item = batch[-1].at
        self.cursor.found += len(items)
        if self.cursor.found > self.tools.bounds.items:
            raise Invalid("archive", f"has more than {self.tools.bounds.items} items")

        async def write(tx: Writer) -> None:
            await tx.many(SQL.insert_item, [self._row(first + number, one) for number, one in enumerate(items)])
            await tx.many(SQL.insert_file, [self._file(one, keys[one.name]) for one in media])
            await self._advance(tx, Outcome(refused=refused))

        await self._write(write)

    async def _unpacked(self, found: File) -> str | None:
        """Of an archive that is read in one pass, media are kept when they come by."""
        if found.data is None:
            return None
        folder = self.row.file_key.rpartition("/")[0]
        key = files.key(folder, f"{self.tools.chance.secret(12).hex()}.part")
        await self.tools.blobs.put(key, found.data)
        return key

    def _row(self, number: int, item: Item) -> dict[str, Any]:
        return {
            "import_id": self.row.id, "rank": item.rank, "at": item.at, "number": number, "kind": item.kind,
            "payload": item.payload.decode(),
        }  # fmt: skip

    def _file(self, found: File, key: str | None) -> dict[str, Any]:
        place = msgspec.json.encode(found.place).decode()
        return {"import_id": self.row.id, "name": found.name, "place": place, "file_key": key}

    # -- taking it in -------------------------------------------------------------------------------------------------

    async def _apply(self) -> None:
        cursor = self.cursor
        rows = await self.tools.database.read(
            lambda tx: tx.all(
                SQL.items, import_id=self.row.id, rank=cursor.rank, at=cursor.at, number=cursor.number, limit=BATCH
            )
        )
        if not rows:
            wants = self.options.overwrite and self.row.kind in import_rows.OTHERS
            cursor.phase = "replace" if wants else "clear"
            return await self._commit(Outcome())
        posts = list(itertools.takewhile(lambda row: row[3] == "post", rows))
        taken = posts or list(itertools.takewhile(lambda row: row[3] != "post", rows))
        cursor.rank, cursor.at, cursor.number = taken[-1][:3]
        if posts:
            return await self._take_posts(posts)
        outcome = Outcome()
        for row in taken:
            await self._take_row(row, outcome)
        return await self._commit(outcome, done=len(taken))

    async def _take_posts(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Their media first, as each of these is a commit of its own; then all of them in one."""
        outcome = Outcome()
        ready: list[tuple[tuple[Any, ...], Post, tuple[int, ...]]] = []
        for row in rows:
            post = self._narrowed(msgspec.json.decode(row[4], type=Post))
            known = await self._known(post)
            try:
                taken = () if known else await self._media(row, post, outcome)
                if not known:
                    import_posts.check(post, bool(taken))
                ready.append((row, post, taken))
            except Invalid as error:
                outcome.refused.append(Refusal(post.source, error.why))

        async def write(tx: Writer) -> None:
            whole = msgspec.structs.replace(outcome, refused=list(outcome.refused), targets=[])
            for _, post, media_ids in ready:
                if await import_posts.take(tx, self.tools.site, self._origin(), post, media_ids) is None:
                    whole.skipped += 1
                else:
                    whole.imported += 1
            await self._advance(tx, whole, done=len(rows))

        try:
            await self._write(write)
        except (Unavailable, LeaseLost):
            raise
        except Exception as error:  # boundary: one post that cannot be taken in must not hold up all that come after it
            # Rules that are only known in the transaction. Which of them it was shows when each is taken by itself.
            if len(rows) > 1:
                self.cursor.rank, self.cursor.at, self.cursor.number = rows[0][:3]
                return await self._take_posts(rows[:1])
            outcome.refused.append(Refusal(ready[0][1].source, self._why(error, "post")))
            await self._commit(outcome, done=1)

    def _narrowed(self, post: Post) -> Post:
        visibility = max(post.visibility, min(self.options.visibility, Visibility.PRIVATE))
        return msgspec.structs.replace(post, visibility=visibility)

    async def _known(self, post: Post) -> bool:
        found = await self.tools.database.read(
            lambda tx: import_posts.known(tx, self.tools.site, self.row.account_id, post.source)
        )
        return found is not None

    def _origin(self) -> Origin:
        about = self.cursor.about or About()
        return Origin(self.row.account_id, about.host, about.origin == self.tools.site.origin)

    def _medium(self) -> Medium:
        tools = self.tools
        return Medium(
            tools.database, tools.blobs, tools.ids, tools.chance, tools.site, tools.images, tools.recordings, self.row
        )  # fmt: skip

    async def _media(self, row: tuple[Any, ...], post: Post, outcome: Outcome) -> tuple[int, ...]:
        made = []
        most = self.tools.site.limits.media_per_status
        for number, one in enumerate(post.media):
            try:
                if number >= most:
                    raise Invalid("media", f"has more media than the {most} that a post has here")
                made.append(await import_media.attachment(self._medium(), one, row[2], number))
            except Invalid as error:
                outcome.refused.append(Refusal(f"{post.source}, medium {number + 1}", error.why))
        return tuple(made)

    async def _take_row(self, row: tuple[Any, ...], outcome: Outcome) -> None:
        rank, at, number, kind, payload = row
        value = msgspec.json.decode(payload)
        operation = Operation(f"import:{self.row.id}:{number}")
        try:
            if kind in ("person", "profile", "preferences") and not self.options.profile:
                outcome.skipped += 1
                return
            if kind in ("person", "profile"):
                outcome.refused += await import_media.profile(self._medium(), kind, value)
                target = self.row.account_id
            else:
                take = import_rows.NOUNS.get(kind)
                if take is None:
                    raise Invalid("kind", "is of a kind that is not taken in here")
                here = Here(self.tools.database, self.tools.site, self.row.account_id)
                target = await take(here, value, operation)
        except (Unavailable, LeaseLost):
            raise
        except Exception as error:  # boundary: one row that cannot be taken in must not hold up all that come after it
            why = self._why(error, kind)
            outcome.refused.append(Refusal(import_rows.called(kind, value), why[:1].lower() + why[1:]))
        else:
            outcome.imported += 1
            outcome.targets.append((rank, at, number, target))

    def _why(self, error: Exception, kind: str) -> str:
        """What the report says; what nobody has thought of is for the log."""
        if isinstance(error, LinnetError):
            return error.why if isinstance(error, Invalid) else str(error)
        log.error("import_gap", id=self.row.id, kind=kind, exc_info=error, done="said so in the import's report")
        return "could not be taken in"

    # -- what comes after ---------------------------------------------------------------------------------------------

    async def _replace(self) -> None:
        """Takes away what the list does not name, a batch at a time."""
        other = import_rows.OTHERS[self.row.kind]
        here = Here(self.tools.database, self.tools.site, self.row.account_id)
        rows = await self.tools.database.read(
            lambda tx: tx.all(other.statement, account_id=self.row.account_id, import_id=self.row.id, limit=BATCH)
        )
        undone = 0
        for (target,) in rows:
            try:
                await other.undo(here, target, Operation.once(self.tools.ids))
                undone += 1
            except Unavailable:
                raise
            except LinnetError as error:
                log.error("import_gap", id=self.row.id, kind=self.row.kind, exc_info=error, done="left as it was")
        if not undone:
            self.cursor.phase = "clear"
            await self._commit(Outcome())

    async def _clear(self) -> bool:
        """Forgets what was found, then the archive; the report stays."""

        async def write(tx: Writer) -> bool:
            if await import_clearing.clear_some(tx, self.row.id):
                return False
            await self._settle(tx, "done", None)
            return True

        return await self._write(write)

    async def fail(self, why: str) -> None:
        async def write(tx: Writer) -> bool:
            if await import_clearing.clear_some(tx, self.row.id):
                return True
            await self._settle(tx, "failed", why)
            return False

        more = True
        while more:
            more = await self._write(write)

    async def _settle(self, tx: Writer, state: str, error: str | None) -> None:
        await tx.run(SQL.settle, id=self.row.id, state=state, error=error, now=tx.now)
        await jobs.add(tx, "files.delete", {"keys": [self.row.file_key]})
        if self.job is not None:
            await jobs.finish(tx, self.job)

    # -- commits ------------------------------------------------------------------------------------------------------

    async def _commit(self, outcome: Outcome, done: int = 0) -> None:
        await self._write(lambda tx: self._advance(tx, outcome, done=done))

    async def _write(self, fn: WriteFunction[T]) -> T:
        result = await self.tools.database.write(fn, heavy=True)
        found = await self.tools.database.read(lambda tx: imports.one(tx, self.row.id))
        if found is not None:
            self.row, self.before = found, found.cursor
            self.cursor = msgspec.json.decode(found.cursor, type=Cursor)
        return result

    async def _advance(self, tx: Writer, outcome: Outcome, *, done: int = 0) -> None:
        refused = outcome.refused[: max(0, LINES - self.cursor.lines)]
        cursor = msgspec.structs.replace(self.cursor, lines=self.cursor.lines + len(refused))
        if not await tx.run(
            SQL.advance, id=self.row.id, before=self.before, cursor=_encoded(cursor), done=self.row.done + done,
            total=max(self.cursor.found, self.row.done + done), imported=outcome.imported, skipped=outcome.skipped,
            refused=len(outcome.refused), now=tx.now,
        ):  # fmt: skip
            raise LeaseLost
        rows = enumerate(refused, self.cursor.lines)
        await tx.many(
            SQL.add_line,
            [
                {"import_id": self.row.id, "number": at, "item": _short(one.item), "why": _short(one.why)}
                for at, one in rows
            ],
        )
        await tx.many(
            SQL.set_target,
            [
                {"import_id": self.row.id, "rank": rank, "at": at, "number": number, "target": target}
                for rank, at, number, target in outcome.targets
            ],
        )


def _gathered(found: Iterator[Found]) -> list[Found]:
    """The next batch; [] at the end. In a thread: nothing here may touch the loop."""
    batch, size = [], 0
    for one in found:
        batch.append(one)
        size += len(one.what.payload) if isinstance(one.what, Item) else 0
        size += len(one.what.data or b"") if isinstance(one.what, File) else 0
        if len(batch) >= SCANNED or size >= SCANNED_BYTES:
            break
    return batch


def _encoded(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _short(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text[:300])
