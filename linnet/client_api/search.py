"""Search over accounts, hashtags and statuses."""

import msgspec

from linnet.client_api.door import Door, page
from linnet.client_api.rendering import joined
from linnet.domain import ids
from linnet.domain.errors import Invalid, NotFound, Unauthenticated
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.mastodon import parsing, tags
from linnet.queries import accounts, search, statuses
from linnet.queries.statuses import Listed

KINDS = ("accounts", "hashtags", "statuses")
OFFSET_MAX = 10_000
QUERY_MAX = 2_000


async def show(door: Door, request: Request) -> Response:
    """GET /api/v2/search"""
    query, reader = request.query(), request.context.account_id
    text = parsing.text(query, "q").strip()
    if not text:
        raise Invalid("q", "can't be blank", "ERR_BLANK")
    if len(text) > QUERY_MAX:
        raise Invalid("q", f"is too long (maximum is {QUERY_MAX} characters)", "ERR_TOO_LONG")
    kind = parsing.text(query, "type")
    if kind and kind not in KINDS:
        raise Invalid("type", f"must be one of {', '.join(KINDS)}", "ERR_INCLUSION")
    offset = parsing.number(query, "offset", 0, OFFSET_MAX)
    if not request.context.signed_in:
        _check_stranger(offset, parsing.flag(query, "resolve"))
    # An offset goes by one kind only, as in Mastodon: without one it would mean three different places.
    wanted = (kind,) if kind else KINDS if not offset else ()
    limit = page(request).limit
    found: dict[str, bytes] = dict.fromkeys(KINDS, b"[]")
    at = await _address(door, text, reader)
    if "accounts" in wanted:
        found["accounts"] = await _accounts(door, request, text, limit, offset)
    if "hashtags" in wanted and at is None:
        views = await search.tags(door.database, reader, text, limit, offset)
        signed_in = request.context.signed_in
        found["hashtags"] = msgspec.json.encode([tags.tag(door.site, view, signed_in=signed_in) for view in views])
    if "statuses" in wanted and request.context.signed_in:
        author = parsing.id_(query, "account_id") or 0
        listed = at
        if listed is None:
            listed = await search.statuses(
                door.database, door.site, reader, text, page(request), offset=offset, author=author
            )
        found["statuses"] = joined(await door.rendering.statuses(listed, request.context))
    body = b",".join(b'"%b":%b' % (kind.encode(), items) for kind, items in found.items())
    return Response(b"{" + body + b"}")


def _check_stranger(offset: int, resolve: bool) -> None:
    if offset:
        raise Unauthenticated("Search queries pagination is not supported without authentication")
    if resolve:
        raise Unauthenticated("Search queries that resolve remote resources are not supported without authentication")


async def _accounts(door: Door, request: Request, text: str, limit: int, offset: int) -> bytes:
    following = parsing.flag(request.query(), "following")
    reader = request.context.account_id
    rows = await accounts.search(door.database, door.site, reader, text, limit, offset, following=following)
    return joined(await door.rendering.accounts(rows))


async def _address(door: Door, text: str, reader: int) -> tuple[Listed, ...] | None:
    """The status whose address was searched for, or None where the text is no address of ours."""
    if not text.startswith(door.site.origin + "/"):
        return None
    status_id = ids.parse(text.rstrip("/").rpartition("/")[2])
    if status_id is None:
        return None
    try:
        return (await statuses.one(door.database, status_id, reader),)
    except NotFound:
        return ()
