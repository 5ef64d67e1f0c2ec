"""Accounts: one, many, found by name or words, browsed, and the statuses of each."""

from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.mastodon import parsing
from linnet.queries import accounts as queries
from linnet.queries import profiles
from linnet.queries.accounts import Accounts
from linnet.queries.profiles import Choice

IDS_MAX = 100
OFFSET_MAX = 10_000
QUERY_MAX = 2_000


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id"""
    row = await queries.one(door.database, path_id(request))
    return Response((await door.rendering.accounts((row,)))[0])


async def show_many(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts"""
    ids = parsing.id_list(request.query(), "id", IDS_MAX)
    return await door.accounts(request, Accounts(await queries.many(door.database, ids)))


async def lookup(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/lookup"""
    row = await queries.lookup(door.database, door.site, parsing.text(request.query(), "acct"))
    return Response((await door.rendering.accounts((row,)))[0])


async def search(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/search"""
    query = request.query()
    text = parsing.text(query, "q").strip()
    if not text:
        raise Invalid("q", "can't be blank", "ERR_BLANK")
    if len(text) > QUERY_MAX:
        raise Invalid("q", f"is too long (maximum is {QUERY_MAX} characters)", "ERR_TOO_LONG")
    rows = await queries.search(
        door.database,
        door.site,
        request.context.account_id,
        text,
        page(request, 40, 80).limit,
        parsing.number(query, "offset", 0, OFFSET_MAX),
        following=parsing.flag(query, "following"),
    )
    return await door.accounts(request, Accounts(rows))


async def directory(door: Door, request: Request) -> Response:
    """GET /api/v1/directory"""
    query = request.query()
    rows = await queries.directory(
        door.database,
        request.context.account_id,
        newest=parsing.text(query, "order") == "new",
        local=parsing.flag(query, "local"),
        limit=page(request, 40, 80).limit,
        offset=parsing.number(query, "offset", 0, OFFSET_MAX),
    )
    return await door.accounts(request, Accounts(rows))


async def statuses(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/statuses"""
    query = request.query()
    choice = Choice(
        pinned=parsing.flag(query, "pinned"),
        only_media=parsing.flag(query, "only_media"),
        exclude_replies=parsing.flag(query, "exclude_replies"),
        exclude_reblogs=parsing.flag(query, "exclude_reblogs"),
        tag=words.hashtag_key(parsing.text(query, "tagged").strip().removeprefix("#")),
    )
    reader, account_id = request.context.account_id, path_id(request)
    waiting = [one for one in await door.waiting(request, account_id) if choice.takes(one.row, one.content)]
    listed = await profiles.statuses(door.database, account_id, reader, choice, page(request))
    return await door.statuses(request, listed, waiting=waiting)


async def nothing(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/identity_proofs: what Mastodon has none of any more."""
    await queries.one(door.database, path_id(request))
    return Response(joined(()))
