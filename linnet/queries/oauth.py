"""OAuth 2 as its readers see it: what an app asks for, and the apps that an account has let in."""

from collections.abc import Mapping

from linnet.domain import oauth, scopes
from linnet.domain.access import AppView, AuthorisedApp
from linnet.domain.oauth import AuthorizationRequest, Refused
from linnet.storage import access
from linnet.storage.database import Database, Reader, surely

STATE_LONGEST = 2000


async def app(database: Database, app_id: int) -> AppView | None:
    async def read(tx: Reader) -> AppView | None:
        found = await access.app_by_id(tx, app_id)
        return found.view if found else None

    return await database.read(read)


async def authorization_request(database: Database, params: Mapping[str, object]) -> AuthorizationRequest:
    """Checks the parameters of ``/oauth/authorize``, of the query or of the consent form. Raises Refused.

    Where the client or its redirect address is wrong, the error has no ``redirect_uri``: nobody is sent to an address
    that nobody registered. Else the browser takes the error back (``oauth.error_location``).
    """

    def given(name: str) -> str:
        value = params.get(name)
        return value if isinstance(value, str) else ""

    async def read(tx: Reader) -> AppView | None:
        found = await access.app(tx, given("client_id"))
        return found.view if found else None

    client = await surely(database, read) if given("client_id") else None
    if client is None:
        raise Refused("invalid_client", "No app of this name is registered here: it may have to sign up anew.")
    uri = given("redirect_uri")
    if not uri or uri not in client.redirect_uris:
        raise Refused(
            "invalid_redirect_uri", "The requested redirect uri is malformed or doesn't match client redirect URI."
        )
    back = None if uri == oauth.OUT_OF_BAND else uri
    state = given("state")
    if len(state) > STATE_LONGEST:
        raise Refused("invalid_request", f"The state is longer than {STATE_LONGEST} characters", back)

    def refused(code: str, why: str) -> Refused:
        return Refused(code, why, back, state or None)

    if given("response_type") != "code":
        raise refused("unsupported_response_type", "The authorization server does not support this response type.")
    if given("response_mode") not in {"", "query"}:
        raise refused("invalid_request", "The authorization server does not support this response mode.")
    wanted = scopes.parse(given("scope"))
    if scopes.unknown(wanted) or not scopes.contains(client.scopes, wanted):
        raise refused("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    try:
        challenge = oauth.check_challenge(given("code_challenge"), given("code_challenge_method"))
    except ValueError as error:
        raise refused("invalid_request", str(error)) from None
    return AuthorizationRequest(client.id, client.name, client.website, uri, wanted, state or None, challenge)


async def authorised_apps(database: Database, account_id: int) -> tuple[AuthorisedApp, ...]:
    """The apps that may act for the account, the youngest registration first."""

    async def read(tx: Reader) -> tuple[AuthorisedApp, ...]:
        found: dict[int, AuthorisedApp] = {}
        for id, name, website, first, last, granted in await tx.all(access.SQL.authorised_apps, account_id=account_id):
            known = found.get(id)
            together = tuple(dict.fromkeys((*(known.scopes if known else ()), *granted.split())))
            since = min(first, known.created_at) if known else first
            used = max(last, known.used_at) if known else last
            found[id] = AuthorisedApp(id, name, website, together, since, used)
        return tuple(found.values())

    return await database.read(read)
