"""Translations: of a status, by the service that the operator has chosen, and from which languages to which."""

import msgspec

from linnet.client_api.door import Door, path_id
from linnet.domain.errors import Invalid, NotAllowed, NotFound
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import drafts, translations
from linnet.mastodon.cache import Fragment
from linnet.queries import accounts, statuses


async def translate(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/translate: of what everybody may see, so that nothing is told to the service that is
    meant for few."""
    reader, status_id = request.context, path_id(request)
    params = await request.params()
    place = await statuses.one(door.database, status_id, reader.account_id)
    if not door.translator.configured:
        raise NotFound("Translation is not enabled on this server")
    row = place.shown
    if row.visibility > Visibility.UNLISTED:
        raise NotAllowed("Only public statuses can be translated")
    target = drafts.language(params, "lang") or (await accounts.credentials(door.database, reader.account_id)).locale
    key = (row.id, row.version, target)
    kept = door.rendering.cache.get(key)
    if kept is None:
        kept = Fragment(await _translated(door, row.id, row.language, target.partition("-")[0]))
        door.rendering.cache.put(key, kept)
    return Response(kept.body)


async def _translated(door: Door, status_id: int, source: str | None, target: str) -> bytes:
    translator = door.translator
    content = (await statuses.contents(door.database, (status_id,))).get(status_id)
    if content is None:
        raise NotFound
    if content.local_only:
        raise NotAllowed("What stays on this server is told to no service")
    source = source.partition("-")[0] if source else None
    known = await translator.languages()
    if source == target or target not in {one for targets in known.values() for one in targets}:
        raise NotAllowed("This status cannot be translated into that language")
    if source is not None and target not in known.get(source, ()):
        source = None  # a language that the service does not know by that name: it may find out by itself
    asked = translations.texts(content)
    found = await translator.translate(asked, source, target)
    if found.source == target:
        raise Invalid("lang", "is the language that the status is written in")
    body = translations.translation(content, found.texts, found.source, target, translator.provider)
    return msgspec.json.encode(body)


async def languages(door: Door, request: Request) -> Response:
    """GET /api/v1/instance/translation_languages"""
    return json({source: list(targets) for source, targets in (await door.translator.languages()).items()})
