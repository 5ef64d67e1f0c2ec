"""Jobs that were given up, tried again when what stood in their way is gone."""

from linnet.storage import jobs
from linnet.storage.database import Database, Writer


async def revive(database: Database, job_id: int | None) -> int:
    """Makes a dead job, or (None) all of them, due now; how many that were."""

    async def write(tx: Writer) -> int:
        if job_id is None:
            return await tx.run(jobs.SQL.revive_all, now=tx.now)
        return await tx.run(jobs.SQL.revive, id=job_id, now=tx.now)

    return await database.write(write)
