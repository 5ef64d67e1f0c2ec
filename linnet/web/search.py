"""Finding people, tags and posts, and the directory of people."""

from linnet.domain import search_query
from linnet.domain.errors import Invalid
from linnet.domain.paging import Page
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.queries import accounts, search
from linnet.web import addresses
from linnet.web.door import Door, reader
from linnet.web.forms import text
from linnet.web.people import shown
from linnet.web.timelines import whole

LONGEST = 200
PEOPLE = 10
TAGS = 10
POSTS = 20
DIRECTORY = 30
FURTHEST = 100_000


async def find(door: Door, request: Request) -> Response:
    """GET /search?q=…"""
    query = text(request.query(), "q")[:LONGEST].strip()
    who = reader(request)
    wanted = addresses.page(request, POSTS)
    try:
        terms, posts = (
            search_query.parse(query).terms,
            await search.statuses(door.database, door.site, who, query, wanted),
        )
    except Invalid as error:
        return await door.page(
            request, "search.html", 422, query=query, why=error.why, people=(), tags=(), views=(), turns=("", "")
        )
    older = wanted.max_id != Page().max_id
    people = await accounts.search(door.database, door.site, who, query, PEOPLE) if query and not older else ()
    tags = await search.tags(door.database, who, query, TAGS) if query and not older else ()
    return await door.page(
        request, "search.html", query=query, people=await shown(door, request, people), tags=tags,
        why="", views=await whole(door, posts, request), terms=terms,
        turns=addresses.turns(request, wanted, tuple(place.cursor for place in posts)),
    )  # fmt: skip


async def directory(door: Door, request: Request) -> Response:
    """GET /directory?sort=new&page=2"""
    query = request.query()
    newest = query.get("sort") == "new"
    number = _number(query.get("page"))
    rows = await accounts.directory(
        door.database, reader(request), newest=newest, local=True, limit=DIRECTORY + 1, offset=(number - 1) * DIRECTORY
    )
    sort = "new" if newest else None
    earlier = addresses.with_query("/directory", sort=sort, page=number - 1) if number > 1 else ""
    later = addresses.with_query("/directory", sort=sort, page=number + 1) if len(rows) > DIRECTORY else ""
    people = await shown(door, request, rows[:DIRECTORY])
    return await door.page(request, "directory.html", people=people, newest=newest, turns=(earlier, later))


def _number(value: object) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 6:
        return min(max(1, int(value)), FURTHEST // DIRECTORY)
    return 1
