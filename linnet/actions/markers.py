"""Remembering how far an account has read."""

from collections.abc import Mapping

from linnet.domain.views import MarkerView
from linnet.storage import changes, markers
from linnet.storage.database import Database, Operation, Writer


async def put(
    database: Database, actor: int, positions: Mapping[str, int], operation: Operation
) -> tuple[MarkerView, ...]:
    """Sets the last read id of each timeline named; the new markers."""

    async def write(tx: Writer) -> tuple[MarkerView, ...]:
        found = []
        for timeline, last_read_id in sorted(positions.items()):
            row = await tx.one(
                markers.SQL.put, account_id=actor, timeline=timeline, last_read_id=last_read_id, now=tx.now
            )
            if row is not None:
                found.append(MarkerView(*row))
            await changes.append(tx, "marker.moved", actor, last_read_id)
        return tuple(found)

    return await database.write(write, operation, returns=tuple[MarkerView, ...])
