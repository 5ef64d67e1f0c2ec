"""What posts on a page quote, as its reader may see it."""

from collections.abc import Iterable

from linnet.domain.quotes import State
from linnet.domain.views import StatusView
from linnet.http.request import Request
from linnet.queries import quotes, statuses
from linnet.queries.statuses import Listed
from linnet.web.door import Door, reader, visitor_of


async def look_up(door: Door, request: Request, views: Iterable[StatusView]) -> None:
    """Hands the page what its posts quote; asks for nothing where none does."""
    quoting = {view.shown.row.id: view.shown.row for view in views if view.shown.row.quote_state == State.ACCEPTED}
    wanted = {row.quote_of_id for row in quoting.values() if row.quote_of_id}
    if not wanted:
        return
    found = await quotes.shown(door.database, wanted, reader(request))
    listed = tuple(Listed(one.row, None, id) for id, one in found.items() if one.state == "accepted")
    whole = {view.row.id: view for view in await statuses.whole(door.database, listed)}
    visitor = visitor_of(request)
    visitor.quoted |= {id: whole[row.quote_of_id] for id, row in quoting.items() if row.quote_of_id in whole}
