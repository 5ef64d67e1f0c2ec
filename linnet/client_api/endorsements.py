"""Endorsements: whom accounts show on their profiles."""

from linnet.actions import endorsements as actions
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.relations import changed
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.queries import accounts, relations
from linnet.queries.accounts import Accounts


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/endorsements"""
    reader = request.context.account_id
    return await door.accounts(
        request, await relations.endorsements(door.database, reader, reader, page(request, 40, 80))
    )


async def of_account(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/endorsements"""
    owner = await accounts.one(door.database, path_id(request))
    if owner.suspended_at is not None:
        return await door.accounts(request, Accounts(()))
    reader = request.context.account_id
    return await door.accounts(
        request, await relations.endorsements(door.database, owner.id, reader, page(request, 40, 80))
    )


async def endorse(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/endorse, and /pin, its old name"""
    return await changed(door, request, actions.endorse)


async def unendorse(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/unendorse, and /unpin"""
    return await changed(door, request, actions.unendorse)
