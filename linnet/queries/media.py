"""Uploads as their owners see them."""

from linnet.domain.errors import NotFound
from linnet.domain.views import MediaView
from linnet.storage import media
from linnet.storage.database import Database, Reader
from linnet.storage.media import Own


async def own(database: Database, account_id: int, id: int) -> MediaView:
    """Raises NotFound for what is not there or is somebody else's."""
    return (await look(database, account_id, id)).view


async def look(database: Database, account_id: int, id: int) -> Own:
    """The same with how far it is."""

    async def read(tx: Reader) -> Own:
        found = await media.own(tx, account_id, id)
        if found is None:
            raise NotFound
        return found

    return await database.read(read)
