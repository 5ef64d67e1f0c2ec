"""Subscriptions to notifications (Web Push): one for each token."""

from linnet.actions import push as actions
from linnet.client_api.door import Door
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import push as rendering
from linnet.queries import push as queries


async def create(door: Door, request: Request) -> Response:
    """POST /api/v1/push/subscription"""
    params = await request.params()
    reader: Identity = request.context
    # What was let in is the scheme and the token; it is kept sealed, because messages carry it.
    token = (request.header("authorization") or "").partition(" ")[2].strip()
    receiver, wishes = rendering.receiver(params), rendering.wishes(params)
    vault = door.guards.vault
    await actions.subscribe(door.database, vault, reader, token, receiver, wishes, door.operation(request))
    return await show(door, request)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/push/subscription"""
    found = await queries.of(door.database, request.context)
    return json(rendering.subscription(*found, door.guards.vault.push_key))


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/push/subscription"""
    before = await queries.of(door.database, request.context)
    wishes = rendering.wishes(await request.params(), before.wishes.policy)
    await actions.change(door.database, request.context, wishes, door.operation(request))
    return await show(door, request)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/push/subscription"""
    await actions.unsubscribe(door.database, request.context, door.operation(request))
    return json({})
