"""One's own account: what it is, what it says of itself, and what it prefers."""

from linnet.actions import pictures as stored
from linnet.actions import profiles as actions
from linnet.client_api.door import Door
from linnet.domain.errors import LinnetError
from linnet.domain.files import Room
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.domain.quotes import Policy
from linnet.http.request import Request, Upload
from linnet.http.response import Response, json
from linnet.mastodon import profiles as rendering
from linnet.ports import PictureKind
from linnet.queries import accounts as queries

PICTURES: dict[str, tuple[PictureKind, Room]] = {"avatar": ("avatar", "avatars"), "header": ("header", "headers")}


async def verify_credentials(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/verify_credentials"""
    return await _credentials(door, request)


async def update_credentials(door: Door, request: Request) -> Response:
    """PATCH /api/v1/accounts/update_credentials"""
    await _update(door, request)
    return await _credentials(door, request)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/profile"""
    found = await queries.credentials(door.database, request.context.account_id)
    return json(rendering.profile(door.site, found.profile))


async def update(door: Door, request: Request) -> Response:
    """PATCH /api/v1/profile"""
    await _update(door, request)
    return await show(door, request)


async def delete_avatar(door: Door, request: Request) -> Response:
    """DELETE /api/v1/profile/avatar"""
    return await _remove(door, request, "avatar")


async def delete_header(door: Door, request: Request) -> Response:
    """DELETE /api/v1/profile/header"""
    return await _remove(door, request, "header")


async def preferences(door: Door, request: Request) -> Response:
    """GET /api/v1/preferences"""
    found = await queries.credentials(door.database, request.context.account_id)
    return json(
        {
            "posting:default:visibility": found.visibility,
            "posting:default:sensitive": bool(found.sensitive),
            "posting:default:language": found.language,
            "posting:default:quote_policy": Policy(found.quote_policy).word,
            "posting:default:content_type": found.content_type,
            "reading:expand:media": found.expand_media,
            "reading:expand:spoilers": bool(found.expand_spoilers),
            "reading:autoplay:gifs": False,
        }
    )


async def _credentials(door: Door, request: Request) -> Response:
    found = await queries.credentials(door.database, request.context.account_id)
    account = (await door.rendering.accounts((found.row,)))[0]
    return Response(
        rendering.credential_account(
            account,
            rendering.source(
                found.profile,
                visibility=found.visibility,
                sensitive=found.sensitive,
                language=found.language,
                quote_policy=found.quote_policy,
                content_type=found.content_type,
                follow_requests=found.follow_requests,
            ),
            rendering.role(found.role),
        )
    )


async def _update(door: Door, request: Request) -> None:
    params = await request.params()
    wanted = actions.check(rendering.changes(params), door.site)
    pictures: dict[str, PictureKeys] = {}
    try:
        for name in PICTURES:
            given = params.get(name)
            if isinstance(given, Upload):
                pictures[name] = await _picture(door, request.context.account_id, name, given)
        await _save(door, request, wanted, pictures)
    except LinnetError:
        # No row names the new pictures, so nothing would ever find them again.
        await stored.forget(door.blobs, [key for keys in pictures.values() for key in keys])
        raise


async def _picture(door: Door, account_id: int, name: str, given: Upload) -> PictureKeys:
    kind, room = PICTURES[name]
    picture = await door.images.process(given.data, kind)
    return (await stored.store(door.blobs, door.chance, room, account_id, picture)).likeness


async def _remove(door: Door, request: Request, name: str) -> Response:
    await _save(door, request, ProfileChanges(), {name: PictureKeys(None, None)})
    return await _credentials(door, request)


async def _save(door: Door, request: Request, wanted: ProfileChanges, pictures: dict[str, PictureKeys]) -> None:
    # With new pictures it is not repeated but done again, to the same end: else no row would name their files.
    reader, operation = request.context.account_id, door.once() if pictures else door.operation(request)
    await actions.update(door.database, door.site, reader, wanted, pictures, operation)
