"""How other sites embed a status."""

from linnet.client_api.door import Door
from linnet.domain import ids
from linnet.domain.errors import NotFound
from linnet.domain.views import NOBODY
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import oembed, parsing
from linnet.queries import statuses

WIDTH = 400
MOST = 4_096


async def show(door: Door, request: Request) -> Response:
    """GET /api/oembed: what everybody may see, whoever asks."""
    query = request.query()
    address = parsing.text(query, "url")
    width = parsing.number(query, "maxwidth", WIDTH, MOST, 1)
    height = parsing.number(query, "maxheight", 0, MOST)
    if not address.startswith(f"{door.site.origin}/"):
        raise NotFound
    status_id = ids.parse(address.partition("?")[0].rstrip("/").rpartition("/")[2])
    if status_id is None:
        raise NotFound
    place = await statuses.one(door.database, status_id, NOBODY)
    views = await statuses.whole(door.database, (place,))
    if not views or place.row.visibility > Visibility.UNLISTED or place.reblog is not None:
        raise NotFound
    return json(oembed.document(door.site, views[0], width, height or None))
