"""Second ids of statuses: of two acknowledgements of one post, the journal may have given the other."""

from collections.abc import Iterable

from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("aliases")


async def add(tx: Writer, id: int, status_id: int) -> None:
    """A post was acknowledged under ``id``, and is the status with the other one."""
    await tx.run(SQL.add, id=id, status_id=status_id)


async def of(tx: Reader, ids: Iterable[int]) -> dict[int, int]:
    """The statuses that ids mean which no status has."""
    return {int(id): int(status_id) for id, status_id in await tx.all(SQL.of, ids=sorted(ids))}
