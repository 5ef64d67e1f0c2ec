"""One post as other sites show it in a frame: as a stranger sees it, with nothing in it to press."""

from linnet.domain.errors import NotFound
from linnet.domain.views import NOBODY
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.queries import access, statuses
from linnet.web import headers, quotes
from linnet.web.door import Door, Visitor, path_id


async def show(door: Door, request: Request) -> Response:
    """GET /@:name/:id/embed"""
    # Whoever is signed in is nobody here: another site's page could lay itself over what it frames.
    request.context = Visitor(access.ANONYMOUS, None, "", "", "")
    place = await statuses.one(door.database, path_id(request), NOBODY)
    views = await statuses.whole(door.database, (place,))
    if not views or place.row.visibility > Visibility.UNLISTED or place.reblog is not None:
        raise NotFound
    if views[0].author.acct != request.segments["name"]:
        raise NotFound
    await quotes.look_up(door, request, views)
    response = await door.page(request, "embed.html", view=views[0])
    response.headers = headers.framed(door.site)
    return response
