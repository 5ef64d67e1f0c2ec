"""The instance: what it is, its rules, its custom emojis."""

import msgspec

from linnet.client_api.door import Door
from linnet.domain.errors import NotFound
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import accounts, instance
from linnet.mastodon.cache import Fragment
from linnet.queries import emojis
from linnet.queries import instance as queries

FIGURES_MS = 60_000
"""How old the figures may be: counting every account for every stranger who asks would be a way to keep us busy."""
_FIGURES = -1


async def v2(door: Door, request: Request) -> Response:
    """GET /api/v2/instance"""
    about = await queries.about(door.database, await _figures(door))
    contact = await _contact(door, about.contact_id)
    return json(instance.v2(door.site, about, contact, door.guards.vault.push_key))


async def v1(door: Door, request: Request) -> Response:
    """GET /api/v1/instance"""
    about = await queries.about(door.database, await _figures(door))
    return json(instance.v1(door.site, about, await _contact(door, about.contact_id)))


async def rules(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/rules"""
    return json(instance.rules(await queries.rules(door.database)))


async def activity(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/activity"""
    return json([instance.week(week) for week in await queries.activity(door.database)])


async def languages(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/languages"""
    return json(instance.languages())


async def extended_description(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/extended_description"""
    return json(instance.text(await queries.text(door.database, "extended_description")))


async def privacy_policy(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/privacy_policy"""
    return json(instance.text(await queries.text(door.database, "privacy_policy")))


async def terms_of_service(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/terms_of_service, and …/:date for those of one day"""
    body = instance.terms(await queries.text(door.database, "terms_of_service"))
    if request.segments.get("date") not in (None, body["effective_date"]):
        raise NotFound
    return json(body)


async def nothing(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/peers, …/domain_blocks: nobody is federated with yet, so nobody is blocked."""
    return json([])


async def custom_emojis(door: Door, request: Request) -> Response:
    """GET /api/v1/custom_emojis"""
    return json([accounts.emoji(door.site, view) for view in await emojis.all(door.database)])


async def _figures(door: Door) -> queries.Figures:
    key = (_FIGURES, door.clock.now_ms() // FIGURES_MS)
    kept = door.rendering.cache.get(key)
    if kept is None:
        kept = Fragment(msgspec.json.encode(await queries.figures(door.database)))
        door.rendering.cache.put(key, kept)
    figures: queries.Figures = msgspec.json.decode(kept.body, type=queries.Figures)
    return figures


async def _contact(door: Door, account_id: int | None) -> bytes | None:
    if account_id is None:
        return None
    try:
        return await door.rendering.account_by_id(account_id)
    except NotFound:
        return None
