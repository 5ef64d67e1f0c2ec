"""An app asks to act for somebody: the page that asks them, and the code that is their answer (RFC 6749, 4.1)."""

from collections.abc import Mapping

from linnet.actions import oauth as actions
from linnet.domain import oauth
from linnet.domain.oauth import AuthorizationRequest, Refused
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import oauth as queries
from linnet.web import addresses, headers
from linnet.web.door import Door, visitor_of
from linnet.web.wording import scope

KEPT = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "code_challenge",
    "code_challenge_method",
)  # fmt: skip
TRUE = frozenset({"true", "1", "on", "yes", "t"})


async def ask(door: Door, request: Request) -> Response:
    """GET /oauth/authorize"""
    params, visitor = request.query(), visitor_of(request)
    known = visitor.identity.signed_in
    try:
        wanted = await queries.authorization_request(door.database, params)
    except Refused as error:
        # Anybody may register an app: a mistake made on purpose must not send strangers on from our name to theirs
        # (RFC 9700, 4.11.2).
        if known or not error.redirect_uri:
            return await _refused(door, request, error)
        return _sign_in_first(params)
    if not known:
        return _sign_in_first(params)
    if params.get("force_login") in TRUE:
        # Not by ending the session: no link may sign anybody out. Whoever signs in now does that.
        return _sign_in_first(params, again=1)
    if visitor.barred:
        return redirect("/waiting", headers=headers.PRIVATE)
    return await _page(door, request, wanted)


def _sign_in_first(params: Mapping[str, object], again: int | None = None) -> Response:
    """``again`` asks even whoever is signed in, who may want the app for another account. It is asked once: what the
    browser comes back with does not ask for it any more."""
    kept = {name: value for name in KEPT if isinstance(value := params.get(name), str)}
    back = addresses.with_query("/oauth/authorize", **kept)
    return redirect(addresses.with_query("/sign-in", again=again, back=back), headers=headers.PRIVATE)


async def answer(door: Door, request: Request) -> Response:
    """POST /oauth/authorize: yes or no."""
    params = await request.params()
    try:
        wanted = await queries.authorization_request(door.database, params)
        if params.get("answer") != "yes":
            back = None if wanted.out_of_band else wanted.redirect_uri
            raise Refused("access_denied", "The resource owner denied the request.", back, wanted.state)
    except Refused as error:
        return await _refused(door, request, error)
    code = await actions.authorize(door.database, door.guards, wanted, visitor_of(request).id, door.once())
    if wanted.out_of_band:
        return redirect(addresses.with_query("/oauth/authorize/native", code=code), headers=headers.PRIVATE)
    return redirect(oauth.granted_location(wanted, code), headers=headers.PRIVATE)


async def native(door: Door, request: Request) -> Response:
    """GET /oauth/authorize/native?code=…: the code, for carrying it over by hand."""
    code = request.query().get("code")
    shown = code if isinstance(code, str) and len(code) <= 100 else ""
    return await door.page(request, "code.html", code=shown)


async def _page(door: Door, request: Request, wanted: AuthorizationRequest) -> Response:
    query = request.query()
    kept = {name: query[name] for name in KEPT if isinstance(query.get(name), str)}
    return await door.page(
        request, "consent.html", wanted=wanted, kept=kept, may=[scope(name) for name in wanted.scopes],
        redirect_uri=wanted.redirect_uri,
    )  # fmt: skip


async def _refused(door: Door, request: Request, error: Refused) -> Response:
    """Back to the app where it is known, and else a page that says why."""
    if error.redirect_uri:
        return redirect(oauth.error_location(error), headers=headers.PRIVATE)
    return await door.page(
        request, "error.html", 400, status=400, heading="This app cannot be let in", why=error.description
    )
