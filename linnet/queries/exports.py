"""An account's archives: which there are, how far each is, and their bytes."""

from collections.abc import AsyncIterator

from linnet.domain.errors import NotFound
from linnet.ports import Blobs
from linnet.storage import exports
from linnet.storage.database import Database, Reader
from linnet.storage.exports import ExportRow


async def listed(database: Database, account_id: int) -> list[ExportRow]:
    """The latest first."""
    return await database.read(lambda tx: exports.listed(tx, account_id))


async def one(database: Database, account_id: int, id: int) -> ExportRow:
    """Raises NotFound for an archive that is not this account's."""
    found = await database.read(lambda tx: exports.one(tx, id))
    if found is None or found.account_id != account_id:
        raise NotFound
    return found


async def ready(database: Database, account_id: int, id: int) -> ExportRow:
    """One that may be fetched now. Raises NotFound."""

    async def read(tx: Reader) -> ExportRow:
        found = await exports.one(tx, id)
        if found is None or found.account_id != account_id or found.state != "ready" or found.expires_at < tx.now:
            raise NotFound("There is no such archive, or it has expired")
        return found

    return await database.read(read)


async def content(database: Database, blobs: Blobs, id: int) -> AsyncIterator[bytes]:
    """The archive's bytes, a piece at a time."""
    after = -1
    while True:
        start = after

        async def read(tx: Reader, start: int = start) -> list[tuple[int, str]]:
            return [(row[0], row[1]) for row in await tx.all(exports.SQL.parts, export_id=id, after=start, limit=50)]

        rows = await database.read(read)
        for _, key in rows:
            data = await blobs.get(key)
            if data is None:
                raise NotFound
            yield data
        if not rows:
            return
        after = rows[-1][0]
