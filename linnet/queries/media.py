"""Uploads as their owners see them."""

from linnet.domain.errors import NotFound
from linnet.domain.views import MediaView
from linnet.storage import media
from linnet.storage.database import Database, Reader


async def own(database: Database, account_id: int, id: int) -> MediaView:
    """Raises NotFound for what is not there or is somebody else's."""

    async def read(tx: Reader) -> MediaView:
        found = await media.own(tx, account_id, id)
        if found is None:
            raise NotFound
        return found[0]

    return await database.read(read)
