"""Writing an account down as an archive, piece by piece: whoever takes over goes on where the last piece ended."""

from typing import NamedTuple

import msgspec

from linnet.actions.export_sections import SECTIONS, Whose
from linnet.archives import zipping
from linnet.archives.zipping import Made
from linnet.domain import files
from linnet.domain.errors import Conflict, NotFound
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.ports import Blobs, Chance
from linnet.storage import accounts, exports, jobs, relations
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.exports import ExportRow
from linnet.storage.jobs import Job, LeaseLost

SQL = exports.SQL
PIECE_BYTES = 4 << 20
"""What one run writes, but for a file that is larger by itself."""
LISTED = 2_000
"""Pieces whose entries are put into the list of contents in one run."""
KEPT_MS = 7 * DAY_MS
GIVEN_UP_MS = 3_600_000
STALLED_MS = 2 * DAY_MS
DONE = "."
"""The section after the last."""
LEASE_MS = 30_000
ROWS = 500
COUNTED = frozenset(
    {"outbox.json", "likes.json", "bookmarks.json", "following_accounts.csv", "linnet/followers.jsonl", ""}
)
"""Sections whose rows `size` counts, each once."""


class Tools(NamedTuple):
    """What making an archive takes."""

    database: Database
    blobs: Blobs
    chance: Chance
    site: Site


class Cursor(msgspec.Struct):
    """How far an export is: the section and where in it, the file that is open, the next piece and its place.

    ``listed`` and ``contents`` are the entries of the list of contents so far and where that begins.
    """

    section: str = SECTIONS[0].name
    after: int = 0
    begun: bool = False
    first: bool = True
    open: Made | None = None
    number: int = 0
    offset: int = 0
    done: int = 0
    listed: int = 0
    contents: int = -1
    finished: bool = False


class _Piece:
    """What one run has made: bytes, and the entries that are whole with them."""

    def __init__(self, offset: int) -> None:
        self.data = bytearray()
        self.made: list[Made] = []
        self._offset = offset

    @property
    def place(self) -> int:
        return self._offset + len(self.data)


async def begin(tools: Tools, account_id: int, operation: Operation, *, as_job: bool = True) -> int:
    """Asks for an archive; the export's id. Raises Conflict where one is being made, NotFound for nobody.

    Older archives of the account go. Without ``as_job`` whoever asks calls ``step`` until it says that it is done.
    """
    folder = files.folder("exports", account_id, tools.chance.secret(files.SECRET_BYTES))

    async def write(tx: Writer) -> int:
        if not (await accounts.rows(tx, (account_id,))):
            raise NotFound
        await tx.run(SQL.give_up, account_id=account_id, before=tx.now - GIVEN_UP_MS, now=tx.now)
        new = tx.ids.next()
        size = await tx.one(SQL.size, account_id=account_id)
        if not await tx.run(
            SQL.insert,
            id=new,
            account_id=account_id,
            folder=folder,
            cursor=_encoded(Cursor()),
            total=size[0] if size is not None else 0,
            now=tx.now,
            expires_at=tx.now + STALLED_MS,
        ):
            raise Conflict("An archive is being made already")
        await _expire_old(tx, account_id)
        if as_job:
            await jobs.add(tx, "account.export", {"id": new})
        return new

    return await tools.database.write(write, operation, returns=int)


async def delete(database: Database, account_id: int, id: int, operation: Operation) -> None:
    """Takes an archive away, or stops making it. Raises NotFound."""

    async def write(tx: Writer) -> None:
        # Of two at once the later one finds nothing.
        await tx.all(relations.SQL.lock, ids=(account_id,))
        found = await exports.one(tx, id)
        if found is None or found.account_id != account_id:
            raise NotFound
        await _remove(tx, id)

    await database.write(write, operation)


async def run(tools: Tools, job: Job) -> None:
    """Job ``account.export``: one piece a run."""
    await step(tools, job.payload["id"], job)


async def step(tools: Tools, id: int, job: Job | None = None) -> bool:
    """Writes the next piece; whether the archive is finished (or is not wanted any more)."""
    found = await tools.database.read(lambda tx: exports.one(tx, id))
    if found is None or found.state != "running":
        if job is not None:
            await tools.database.write(lambda tx: jobs.finish(tx, job))
        return True
    cursor = msgspec.json.decode(found.cursor, type=Cursor)
    key = files.key(found.folder, f"{cursor.number}-{tools.chance.secret(9).hex()}.part")
    await tools.database.write(lambda tx: _claim(tx, id, key, job))
    piece = await _produce(tools, found, cursor)
    await tools.blobs.put(key, bytes(piece.data))
    try:
        await tools.database.write(lambda tx: _keep(tx, found, cursor, piece, key, job))
    except LeaseLost:
        await tools.database.write(lambda tx: _discard(tx, id, cursor.number - 1, key))
        raise
    return cursor.finished


async def _discard(tx: Writer, id: int, number: int, key: str) -> None:
    """A piece that came too late goes, unless it is kept after all: its commit may have been made and not heard of."""
    rows = await tx.all(SQL.parts, export_id=id, after=number - 1, limit=1)
    if key not in (row[1] for row in rows):
        await jobs.add(tx, "files.delete", {"keys": [key]})


async def _claim(tx: Writer, id: int, key: str, job: Job | None) -> None:
    """Says under which key the next piece will be kept, so that it is found if it never gets further than that."""
    if job is not None:
        await jobs.hold(tx, job, LEASE_MS)
    before = await exports.one(tx, id)
    if not await tx.run(SQL.claim_piece, id=id, pending=key, now=tx.now):
        raise LeaseLost
    if before is not None and before.pending:
        await jobs.add(tx, "files.delete", {"keys": [before.pending]})


async def _keep(tx: Writer, found: ExportRow, cursor: Cursor, piece: _Piece, key: str, job: Job | None) -> None:
    size = len(piece.data)
    done = found.total if cursor.finished else min(cursor.done, found.total)
    if not await tx.run(
        SQL.advance, id=found.id, cursor=_encoded(cursor), pending=key, done=done, bytes=size, now=tx.now
    ):
        # Somebody else has taken over: what they write stands, and this is as if it had never been.
        raise LeaseLost
    entries = msgspec.json.encode(piece.made).decode()
    await tx.run(
        SQL.insert_part, export_id=found.id, number=cursor.number - 1, file_key=key, bytes=size, entries=entries
    )
    if cursor.finished:
        await tx.run(SQL.settle, id=found.id, state="ready", expires_at=tx.now + KEPT_MS, now=tx.now)
    if job is not None:
        await (jobs.finish(tx, job) if cursor.finished else jobs.proceed(tx, job, job.payload))


async def _produce(tools: Tools, found: ExportRow, cursor: Cursor) -> _Piece:
    """Moves the cursor on by a piece."""
    piece = _Piece(cursor.offset)
    names = await tools.database.read(lambda tx: accounts.rows(tx, (found.account_id,)))
    if found.account_id not in names:
        raise NotFound
    whose = Whose(tools.site, found.account_id, names[found.account_id].username)
    while len(piece.data) < PIECE_BYTES and not cursor.finished:
        if cursor.section != DONE:
            await _section(tools, whose, found, cursor, piece)
        else:
            await _contents(tools, found, cursor, piece)
            break
    cursor.offset, cursor.number = piece.place, cursor.number + 1
    return piece


async def _section(tools: Tools, whose: Whose, found: ExportRow, cursor: Cursor, piece: _Piece) -> None:
    """The next batch of the section that the cursor is in."""
    number = next(number for number, one in enumerate(SECTIONS) if one.name == cursor.section)
    section = SECTIONS[number]
    if section.name and not cursor.begun:
        data, cursor.open = zipping.begin(section.name, piece.place, found.created_at)
        piece.data += data
        piece.data += zipping.more(cursor.open, section.head)
        cursor.begun, cursor.first = True, True
    batch = await tools.database.read(lambda tx: section.read(tx, whose, cursor.after))
    if cursor.open is not None:
        if batch.pieces:
            between = b"" if cursor.first else section.separator
            piece.data += zipping.more(cursor.open, between + section.separator.join(batch.pieces))
            cursor.first = False
        if not batch.after:
            piece.data += zipping.more(cursor.open, section.tail) + zipping.end(cursor.open)
            piece.made.append(cursor.open)
            cursor.open = None
    for name, key in batch.blobs:
        file = await tools.blobs.get(key)
        if file is not None:
            body, made = zipping.stored(name, file, piece.place, found.created_at)
            piece.data += body
            piece.made.append(made)
    cursor.done += len(batch.pieces) + len(batch.blobs) if section.name in COUNTED else 0
    cursor.after = batch.after
    if not batch.after:
        cursor.section = SECTIONS[number + 1].name if number + 1 < len(SECTIONS) else DONE
        cursor.begun = False


async def _contents(tools: Tools, found: ExportRow, cursor: Cursor, piece: _Piece) -> None:
    """The list of contents, of which every piece knows a part."""
    if piece.made or piece.data:
        return  # it begins with a piece of its own, when all entries are kept
    if cursor.contents < 0:
        cursor.contents, cursor.after = cursor.offset, -1
    rows = await tools.database.read(lambda tx: tx.all(SQL.parts, export_id=found.id, after=cursor.after, limit=LISTED))
    for row in rows:
        for made in msgspec.json.decode(row[3], type=list[Made]):
            piece.data += zipping.listed(made, found.created_at)
            cursor.listed += 1
    if len(rows) == LISTED:
        cursor.after = rows[-1][0]
        return
    piece.data += zipping.closing(cursor.listed, piece.place - cursor.contents, cursor.contents)
    cursor.finished = True


async def _expire_old(tx: Writer, account_id: int) -> None:
    """Of an account one archive is kept."""
    for (old,) in await tx.all(SQL.of_account, account_id=account_id, limit=3):
        await _remove(tx, old)


async def _remove(tx: Writer, id: int) -> bool:
    # Nobody fetches it or goes on with it from here on, also where there is too much of it to go at once.
    await tx.run(SQL.retire, id=id, now=tx.now)
    keys, gone = await exports.remove_some(tx, id, ROWS)
    if keys:
        await jobs.add(tx, "files.delete", {"keys": keys})
    return gone


async def expire(tx: Writer, limit: int = 20) -> int:
    """Takes away what nobody may fetch any more, or nobody makes; how many, or ``limit`` where there is more of one."""
    rows = await tx.all(SQL.expired, now=tx.now, limit=limit)
    gone = [await _remove(tx, id) for (id,) in rows]
    return len(rows) if all(gone) else limit


async def forget(tx: Writer, account_id: int) -> bool:
    """Part of an account's deletion: whether there is more."""
    rows = await tx.all(SQL.all_of_account, account_id=account_id, limit=1)
    for (id,) in rows:
        await _remove(tx, id)
    return bool(rows)


def _encoded(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()
