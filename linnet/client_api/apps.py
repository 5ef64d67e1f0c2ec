"""Apps: registering one, and asking what one's token stands for."""

from linnet.actions import oauth as actions
from linnet.actions.oauth import NewApp
from linnet.client_api.door import Door
from linnet.domain.errors import NotFound
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import access, parsing
from linnet.queries import oauth as queries


async def register(door: Door, request: Request) -> Response:
    """POST /api/v1/apps"""
    door.guards.throttle.spend("apps", request.client_network)
    params = await request.params()
    new = NewApp(
        name=parsing.text(params, "client_name"),
        redirect_uris=access.redirect_uris(params),
        scopes=" ".join(parsing.text_list(params, "scopes", 100)),
        website=parsing.text(params, "website"),
    )
    made = await actions.register_app(door.database, door.guards, new, door.once())
    return json(access.credential_application(made.app, made.secret, door.guards.vault.push_key))


async def verify_credentials(door: Door, request: Request) -> Response:
    """GET /api/v1/apps/verify_credentials"""
    reader: Identity = request.context
    app = await queries.app(door.database, reader.app_id)
    if app is None:
        raise NotFound
    return json(access.application(app, door.guards.vault.push_key))
