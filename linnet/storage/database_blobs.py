"""Keeps files in the database, in pieces of a mebibyte, for machines that share neither a folder nor a bucket."""

import asyncio
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from linnet.domain.errors import Invalid, Unavailable
from linnet.domain.files import is_key
from linnet.storage import statements
from linnet.storage.blobs import nameless
from linnet.storage.database import Database, Reader, Writer

SQL = statements.load("database_blobs")

PIECE = 1 << 20
_PART = 256 << 10
"""So much is read at once for somebody who may be slow to take it."""
_KEYS_AT_ONCE = 500
_PIECES_A_TURN = 8
_FILES_A_SWEEP = 200


class DatabaseBlobs:
    """``ports.Blobs`` over the tables ``blobs`` and ``blob_pieces``. ``scratch`` is a folder of this machine.

    A file is there from the commit of its last piece on, and only whole. Without a primary it is read from a standby,
    like everything else.
    """

    def __init__(self, database: Database, scratch: Path) -> None:
        self._database = database
        self._scratch = scratch

    async def put(self, key: str, data: bytes) -> None:
        """``Invalid`` for what is no key, ``Unavailable`` where the database does not take it."""
        await self.put_file(key, io.BytesIO(data))

    async def put_file(self, key: str, file: BinaryIO) -> None:
        """Piece by piece, each in a transaction of its own: it never stands in memory whole."""
        _known(key)
        file.seek(0)
        content_id = number = size = 0
        piece = await asyncio.to_thread(file.read, PIECE)
        while True:
            following = await asyncio.to_thread(file.read, PIECE) if piece else b""
            size += len(piece)
            whole = None if following else size
            add = partial(_add, key=key, content_id=content_id, number=number, data=piece, whole=whole)
            content_id = await self._database.write(add, heavy=True)
            if not following:
                return
            piece, number = following, number + 1

    async def get(self, key: str) -> bytes | None:
        found = await self._find(key)
        if found is None:
            return None
        return b"".join([part async for part in self._parts(*found, start=0, most=PIECE)])

    async def fetch(self, key: str) -> BinaryIO | None:
        """A copy without a name, which goes when it is closed."""
        found = await self._find(key)
        return None if found is None else await nameless(self._parts(*found, start=0, most=PIECE), self.scratch)

    async def delete(self, key: str) -> None:
        """Gone at once for whoever asks; then its pieces go, some in a transaction."""
        retire = partial(_retire, key=_known(key))
        content_id = await self._database.write(retire)
        if content_id is not None:
            await self._clear(content_id)

    async def open(self, key: str) -> tuple[Path | None, int] | None:
        found = await self._find(key)
        return None if found is None else (None, found[1])

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        found = await self._find(key)
        if found is None:
            raise Unavailable("The file is there no longer")
        async for part in self._parts(found[0], end, start=start, most=_PART):
            yield part

    async def keys(self) -> AsyncIterator[str]:
        """All keys, in their order; a file stored or deleted meanwhile may be among them or not."""
        after = ""
        while True:
            rows = await self._database.read(partial(_keys, after=after))
            for (key,) in rows:
                yield key
            if len(rows) < _KEYS_AT_ONCE:
                return
            after = rows[-1][0]

    @property
    def scratch(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    async def sweep_temporary(self, older_than_s: float) -> int:
        """Deletes what was replaced, and what was cut off so long ago; some files a turn, the oldest first."""
        rows = await self._database.read(partial(_loose, older_than_ms=int(older_than_s * 1000)))
        for (content_id,) in rows:
            await self._clear(content_id)
        return len(rows)

    async def _find(self, key: str) -> tuple[int, int] | None:
        """Which content stands under the key, and its size in bytes."""
        row = await self._database.read(partial(_content, key=_known(key)))
        return None if row is None else (row[0], row[1])

    async def _parts(self, content_id: int, end: int, *, start: int, most: int) -> AsyncIterator[bytes]:
        while start < end:
            number, offset = divmod(start, PIECE)
            length = min(most, PIECE - offset, end - start)
            part = await self._database.read(
                partial(_part, content_id=content_id, number=number, offset=offset, length=length)
            )
            if len(part) != length:
                raise Unavailable("The file is there no longer")
            yield part
            start += length

    async def _clear(self, content_id: int) -> None:
        while await self._database.write(partial(_clear, content_id=content_id), heavy=True):
            pass


async def _add(tx: Writer, key: str, content_id: int, number: int, data: bytes, whole: int | None) -> int:
    """Which content it belongs to. ``whole`` is the file's size where this is its last piece."""
    if not number:
        content_id = tx.ids.next()
        await tx.run(SQL.begin, content_id=content_id, file_key=key, now=tx.now)
    elif not await tx.run(SQL.go_on, content_id=content_id, now=tx.now):
        raise Unavailable("The file came too slowly and was not stored")
    if data:
        await tx.run(SQL.add, content_id=content_id, number=number, data=data)
    if whole is not None:
        await tx.all(SQL.retire, file_key=key)
        await tx.run(SQL.keep, content_id=content_id, bytes=whole, now=tx.now)
    return content_id


async def _retire(tx: Writer, key: str) -> int | None:
    row = await tx.one(SQL.retire, file_key=key)
    return None if row is None else int(row[0])


async def _clear(tx: Writer, content_id: int) -> bool:
    """Whether there may be more pieces."""
    if await tx.run(SQL.clear, content_id=content_id, limit=_PIECES_A_TURN) == _PIECES_A_TURN:
        return True
    await tx.run(SQL.forget, content_id=content_id)
    return False


async def _content(tx: Reader, key: str) -> tuple[int, int] | None:
    row = await tx.one(SQL.find, file_key=key)
    return None if row is None else (int(row[0]), int(row[1]))


async def _part(tx: Reader, content_id: int, number: int, offset: int, length: int) -> bytes:
    row = await tx.one(SQL.part, content_id=content_id, number=number, start=offset + 1, length=length)
    return b"" if row is None else bytes(row[0])


async def _keys(tx: Reader, after: str) -> list[statements.Row]:
    return await tx.all(SQL.keys, after=after, limit=_KEYS_AT_ONCE)


async def _loose(tx: Reader, older_than_ms: int) -> list[statements.Row]:
    return await tx.all(SQL.loose, before=tx.now - older_than_ms, limit=_FILES_A_SWEEP)


def _known(key: str) -> str:
    if not is_key(key):
        raise Invalid("key", "is not the name of a file")
    return key
