"""Statuses: posting, reading, changing, deleting."""

import contextlib

import msgspec

from linnet.actions import edits as edit_actions
from linnet.actions import quotes as quote_actions
from linnet.actions.statuses import Written
from linnet.client_api import scheduled_statuses
from linnet.client_api.door import Door, links, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain.errors import NotFound
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import drafts, parsing, scheduled, statuses
from linnet.mastodon import quotes as rendered_quotes
from linnet.queries import quotes as quote_queries
from linnet.queries import statuses as queries

LAG_SECONDS = 0.5


async def post(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses"""
    reader: Identity = request.context
    params = await request.params()
    draft = drafts.draft(params, reader.defaults, reader)
    at = scheduled.time(params)
    if at is not None and at > door.clock.now_ms():
        return await scheduled_statuses.create(door, request, draft, at)
    posted = await door.posting.post(reader.account_id, draft, door.operation(request))
    if posted.written is not None and posted.waits:
        return await _waiting(door, request, posted.written)
    if posted.written is not None:
        row, content, _ = posted.written
        door.rendering.keep(row, msgspec.structs.replace(content, username=reader.username))
    return await one(door, request, posted.id)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id"""
    status_id = path_id(request)
    try:
        return await _shown(door, request, status_id)
    except NotFound:
        return await _waiting(door, request, await _own_waiting(door, request, status_id))


async def _own_waiting(door: Door, request: Request, status_id: int) -> Written:
    """A post of the reader's own that the database does not have yet. Raises NotFound."""
    waiting = await door.posting.one(status_id, request.context.account_id)
    if waiting is None:
        raise NotFound
    return waiting


async def _waiting(door: Door, request: Request, post: Written) -> Response:
    bodies = await door.rendering.waiting((post,), request.context)
    if post.row.id not in bodies:
        raise NotFound
    return Response(bodies[post.row.id])


async def show_many(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses?id[]="""
    ids = parsing.id_list({**request.query(), "id": request.query().get("id", request.query().get("id[]"))}, "id", 40)
    reader: Identity = request.context
    listed = await queries.many(door.database, ids, reader.account_id)
    missing = set(ids) - {place.row.id for place in listed}
    waiting = [one for one in await door.posting.of(reader.account_id) if one.row.id in missing] if missing else []
    if not waiting:
        return await door.statuses(request, listed, linked=False)
    bodies = await door.rendering.statuses_by_id(listed, reader) | await door.rendering.waiting(waiting, reader)
    # What was asked for by a second id stands there under its own.
    return Response(joined([bodies[id] for id in dict.fromkeys((*ids, *bodies)) if id in bodies]))


async def edit(door: Door, request: Request) -> Response:
    """PUT /api/v1/statuses/:id"""
    reader: Identity = request.context
    status_id = path_id(request)
    revision = drafts.revision(await request.params())
    await edit_actions.edit(door.database, door.site, reader.account_id, status_id, revision, door.operation(request))
    return await one(door, request, status_id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/statuses/:id: answers with the source, so that clients can offer to write it anew."""
    reader: Identity = request.context
    status_id = path_id(request)
    place = await queries.one(door.database, status_id, reader.account_id)
    content = (await queries.contents(door.database, (status_id,))).get(status_id)
    rendered = await door.rendering.status(place, reader)
    await edit_actions.delete(door.database, reader.account_id, status_id, door.operation(request))
    text = msgspec.json.encode(content.text if content else "")
    return Response(rendered[:-1] + b',"text":' + text + b"}")


async def context(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/context"""
    reader: Identity = request.context
    status_id = path_id(request)
    if door.posting.active and reader.signed_in:
        return await _context_with_waiting(door, request, status_id)
    found = await queries.context(door.database, status_id, reader.account_id)
    above = await door.rendering.statuses(found.ancestors, reader)
    below = await door.rendering.statuses(found.descendants, reader)
    return _surroundings(above, below)


async def _context_with_waiting(door: Door, request: Request, status_id: int) -> Response:
    """The reader's own posts in the journal stand in their threads, too: below what is stored."""
    reader: Identity = request.context
    own_above, own_below, root = await door.posting.around(status_id, reader.account_id)
    ids = {one.row.id for one in (*own_above, *own_below)}
    own = await door.rendering.waiting((*own_above, *own_below), reader)
    above: list[bytes] = []
    below: list[bytes] = []
    if root == status_id:
        found = await queries.context(door.database, root, reader.account_id)
        above = await door.rendering.statuses(found.ancestors, reader)
        below = await door.rendering.statuses([one for one in found.descendants if one.row.id not in ids], reader)
    elif root:
        with contextlib.suppress(NotFound):  # what the whole thread answers has gone
            found = await queries.context(door.database, root, reader.account_id)
            places = (*found.ancestors, await queries.one(door.database, root, reader.account_id))
            above = await door.rendering.statuses(places, reader)
    above += [own[one.row.id] for one in own_above if one.row.id in own]
    below += [own[one.row.id] for one in own_below if one.row.id in own]
    return _surroundings(above, below)


def _surroundings(above: list[bytes], below: list[bytes]) -> Response:
    return Response(b'{"ancestors":' + joined(above) + b',"descendants":' + joined(below) + b"}")


async def source(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/source"""
    status_id = path_id(request)
    try:
        content, _ = await queries.history(door.database, status_id, request.context.account_id)
    except NotFound:
        content = (await _own_waiting(door, request, status_id)).content
    words = {"text": content.text, "spoiler_text": content.spoiler, "content_type": content.content_type}
    return json({"id": str(content.id), **words})


async def history(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/history"""
    status_id = path_id(request)
    try:
        content, revisions = await queries.history(door.database, status_id, request.context.account_id)
    except NotFound:
        content = (await _own_waiting(door, request, status_id)).content
        revisions = (queries.first(content),)
    author = await door.rendering.account_by_id(content.account_id)
    emojis = await door.rendering.emojis_called({code for one in revisions for code in statuses.shortcodes(one)})
    return json([statuses.edit(door.site, one, msgspec.Raw(author), emojis) for one in revisions])


async def favourited_by(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/favourited_by"""
    return await _who(door, request, reblogged=False)


async def reblogged_by(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/reblogged_by"""
    return await _who(door, request, reblogged=True)


async def _who(door: Door, request: Request, *, reblogged: bool) -> Response:
    reader, wanted = request.context.account_id, page(request, 40, 80)
    try:
        found = await queries.who(door.database, path_id(request), reader, wanted, reblogged=reblogged)
    except NotFound:
        await _own_waiting(door, request, path_id(request))
        return Response(joined(()))
    body = joined(await door.rendering.accounts(found.rows))
    return Response(body, headers=links(door.site, request, found.cursors))


async def set_interaction_policy(door: Door, request: Request) -> Response:
    """PUT /api/v1/statuses/:id/interaction_policy"""
    reader: Identity = request.context
    status_id = path_id(request)
    policy = rendered_quotes.policy(await request.params())
    if policy is not None:
        operation = door.operation(request)
        await quote_actions.set_policy(door.database, reader.account_id, status_id, policy, operation)
    return await one(door, request, status_id)


async def quotes(door: Door, request: Request) -> Response:
    """GET /api/v1/statuses/:id/quotes"""
    reader: Identity = request.context
    return await door.statuses(
        request, await quote_queries.of(door.database, path_id(request), reader.account_id, page(request))
    )


async def revoke_quote(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/quotes/:quoting_status_id/revoke"""
    reader: Identity = request.context
    quoting = path_id(request, "quoting_status_id")
    await quote_actions.revoke(door.database, reader.account_id, path_id(request), quoting, door.operation(request))
    return await one(door, request, quoting)


async def favourites(door: Door, request: Request) -> Response:
    """GET /api/v1/favourites"""
    found = await queries.favourites(door.database, request.context.account_id, page(request))
    return await door.statuses(request, found)


async def bookmarks(door: Door, request: Request) -> Response:
    """GET /api/v1/bookmarks"""
    found = await queries.bookmarks(door.database, request.context.account_id, page(request))
    return await door.statuses(request, found)


async def one(door: Door, request: Request, status_id: int) -> Response:
    """The answer of everything that ends in one status, which was written a moment ago.

    Where a standby answers, because there is no primary any more, it is given a moment to learn of it.
    """
    until = door.clock.monotonic() + LAG_SECONDS
    while True:
        try:
            return await _shown(door, request, status_id)
        except NotFound:
            if not door.database.has_standbys or door.clock.monotonic() >= until:
                raise
        await door.clock.sleep(LAG_SECONDS / 10)


async def _shown(door: Door, request: Request, status_id: int) -> Response:
    reader: Identity = request.context
    place = await queries.one(door.database, status_id, reader.account_id)
    return Response(await door.rendering.status(place, reader))
