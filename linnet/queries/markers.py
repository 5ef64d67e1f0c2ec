"""How far an account has read its timelines."""

from collections.abc import Iterable

from linnet.domain.views import MarkerView
from linnet.storage import markers
from linnet.storage.database import Database, Reader


async def of(database: Database, reader: int, timelines: Iterable[str]) -> tuple[MarkerView, ...]:
    """Those that there are of the ``timelines`` (``home``, ``notifications``)."""
    wanted = list(timelines)

    async def read(tx: Reader) -> tuple[MarkerView, ...]:
        rows = await tx.all(markers.SQL.of, account_id=reader, timelines=wanted)
        return tuple(MarkerView(*row) for row in rows)

    return await database.read(read)
