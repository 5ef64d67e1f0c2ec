"""What every handler of the client API is given, and who is let in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from linnet.actions.posting import Posting
from linnet.actions.statuses import Written
from linnet.client_api import errors
from linnet.client_api.meter import Meter
from linnet.client_api.rendering import Rendering, joined
from linnet.client_api.usage import Usage
from linnet.domain import ids, scopes
from linnet.domain.errors import Conflict, LinnetError, NotAllowed, NotFound, Unauthenticated
from linnet.domain.paging import HIGHEST_ID, Page
from linnet.domain.site import Site
from linnet.domain.views import Identity
from linnet.http.limits import Verdict
from linnet.http.limits import headers as limit_headers
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.http.router import Handler
from linnet.ports import Blobs, Chance, Clock, Guards, Ids, Images, Mail, Recordings, Translator
from linnet.queries import access
from linnet.queries.accounts import Accounts
from linnet.queries.statuses import Listed
from linnet.storage.database import Database, Operation

ANYBODY = ""
"""For a route that a token is not needed for; one that is sent is looked at all the same."""
ANY_TOKEN = "*"
"""For a route that any token opens, an app's own included."""
EVEN_BARRED = "~"
"""ANY_TOKEN, and also of users who wait for a confirmation or a moderator, or are suspended."""
UNASKED = "-"
"""For a route where a token that is sent is not even looked at: an old one must not stand in the way of a new one."""
UNSCOPED = (ANYBODY, ANY_TOKEN, EVEN_BARRED, UNASKED)
OPTIONAL = "?"
"""Before a scope: nobody needs a token here, but one that is sent must hold the scope."""


# What one reader is shown stands under the same address as what all others are.
_PRIVATE = (b"cache-control", b"private, no-store")


@dataclass(frozen=True, slots=True)
class Door:
    """The parts that handlers use; ``app`` puts them together."""

    database: Database
    site: Site
    rendering: Rendering
    clock: Clock
    chance: Chance
    ids: Ids
    images: Images
    recordings: Recordings
    blobs: Blobs
    guards: Guards
    mail: Mail
    meter: Meter
    translator: Translator
    usage: Usage
    posting: Posting

    def once(self) -> Operation:
        """A receipt of its own: for what answers with a secret, which is stored nowhere and so cannot be repeated."""
        return Operation.once(self.ids)

    def operation(self, request: Request) -> Operation:
        """What this request's receipt is filed under.

        That is the client's ``Idempotency-Key``, what the proxy in front calls the request, or a key of its own.
        """
        reader: Identity = request.context
        key = request.header("idempotency-key")
        if key and reader.key:
            return Operation(f"{reader.key}:{request.method} {request.path}:{key[:200]}")
        if reader.key and (key := request.operation):
            return Operation(f"proxy:{reader.key}:{request.method} {request.path}:{key[:200]}")
        return request.receipt(self.once)

    async def statuses(
        self, request: Request, listed: tuple[Listed, ...], *, linked: bool = True, waiting: Sequence[Written] = ()
    ) -> Response:
        """A page of statuses, with its ``Link`` header where there are more pages to go to.

        ``waiting`` are posts of the reader's own that stand in the journal, and belong on this page by their ids.
        """
        reader: Identity = request.context
        if waiting:
            return await self._with_waiting(request, listed, waiting)
        body = joined(await self.rendering.statuses(listed, reader))
        cursors = (listed[-1].cursor, listed[0].cursor) if listed and linked else None
        return Response(body, headers=links(self.site, request, cursors))

    async def _with_waiting(self, request: Request, listed: tuple[Listed, ...], waiting: Sequence[Written]) -> Response:
        """What was stored since it was found in the journal is shown as it is stored."""
        reader: Identity = request.context
        stored = {place.row.id for place in listed}
        early = [one for one in waiting if one.row.id not in stored]
        bodies = await self.rendering.statuses_by_id(listed, reader) | await self.rendering.waiting(early, reader)
        places = sorted([(one.cursor, one.row.id) for one in listed] + [(one.row.id, one.row.id) for one in early])
        shown = [place for place in places[::-1] if place[1] in bodies][: page(request).limit]
        cursors = (shown[-1][0], shown[0][0]) if shown else None
        return Response(joined([bodies[id] for _, id in shown]), headers=links(self.site, request, cursors))

    async def waiting(self, request: Request, account_id: int) -> tuple[Written, ...]:
        """What stands in the journal, where the reader asks for the newest of what is their own; else nothing.

        It is asked for before what is stored: what comes into the database in between is then found twice, not lost.
        """
        if not self.posting.active or request.context.account_id != account_id:
            return ()
        wanted = page(request)
        if wanted.forward or wanted.max_id != HIGHEST_ID:
            return ()
        return tuple([one for one in await self.posting.of(account_id) if one.row.id > wanted.min_id])

    async def accounts(self, request: Request, page: Accounts) -> Response:
        """A page of accounts with its ``Link`` header."""
        return Response(joined(await self.rendering.accounts(page.rows)), headers=self.links(request, page.cursors))

    def links(self, request: Request, cursors: tuple[int, int] | None) -> tuple[tuple[bytes, bytes], ...]:
        return links(self.site, request, cursors)


Noun = Callable[[Door, Request], Awaitable[Response]]


def guarded(door: Door, noun: Noun, scope: str, limit: str = "") -> Handler:
    """Lets in whoever holds ``scope`` (ANYBODY, ANY_TOKEN, …, or such as ``read:statuses``; several stand as
    ``profile|read:accounts``, OPTIONAL before them lets in whoever has no token, too) as often as the limits allow, and
    says who it is.

    ``limit`` names one of this route's own. Every answer says how much is left of the tightest.
    """
    scopes_any = () if scope in UNSCOPED else tuple(scope.removeprefix(OPTIONAL).split("|"))
    meter = door.meter
    open_to_all = scope in (ANYBODY, UNASKED) or scope.startswith(OPTIONAL)

    async def handle(request: Request) -> Response:
        token = None if scope == UNASKED else _token(request)
        verdict: Verdict | None = None
        try:
            if token is None:
                verdict = meter.stranger(request)
                request.context = access.ANONYMOUS
            else:
                reader = await access.by_token(door.database, token, even_barred=scope == EVEN_BARRED)
                request.context = reader
                verdict = meter.known(reader, request, limit)
                if reader.stale:
                    door.usage.note(reader)
            if not verdict.allowed:
                raise meter.too_many(verdict)
            if token is None and not open_to_all:
                raise Unauthenticated("The access token is invalid")
            if scopes_any and token is not None:
                _check(request.context, scopes_any, even_apps=open_to_all)
            try:
                response = await noun(door, request)
            except NotFound as error:
                response = await door.posting.once_more(
                    error, request.method, request.segments, request.params, request.context.account_id,
                    partial(noun, door, request),
                )  # fmt: skip
        except LinnetError as error:
            if verdict is None:
                # A token that is none is a stranger's: guessing is bounded by the address.
                verdict = meter.stranger(request)
            response = errors.answer(request, error if verdict.allowed else meter.too_many(verdict))
        response.headers = (*response.headers, *limit_headers(verdict))
        if token is not None and not any(name == b"cache-control" for name, _ in response.headers):
            response.headers = (*response.headers, _PRIVATE)
        return response

    return handle


def _check(reader: Identity, scopes_any: tuple[str, ...], *, even_apps: bool) -> None:
    if not any(scopes.allows(reader.scopes, scope) for scope in scopes_any):
        raise NotAllowed("This action is outside the authorized scopes")
    if not (reader.signed_in or even_apps):
        raise nobody_signed_in()


def nobody_signed_in() -> Conflict:
    """What an app's own token is told where a user's is needed: 422, as Mastodon has it."""
    return Conflict("This method requires an authenticated user")


def _token(request: Request) -> str | None:
    header = request.header("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    # No other white space: an ingress that looks for the token sees the same one.
    return token.strip(" ")


def page(request: Request, default: int = 20, most: int = 40) -> Page:
    """The page that was asked for; absurd sizes become the nearest sensible one, unknown ids are as if not given."""
    if not request.scope["query_string"]:
        return Page(default)
    query = request.query()

    def id_of(name: str) -> int | None:
        value = query.get(name)
        return ids.parse(value) if isinstance(value, str) else None

    size = query.get("limit")
    limit = min(most, max(1, int(size))) if isinstance(size, str) and size.isdecimal() and len(size) < 10 else default
    max_id, min_id, since_id = id_of("max_id"), id_of("min_id"), id_of("since_id")
    lower = min_id if min_id is not None else since_id
    return Page(limit, max_id or HIGHEST_ID, lower or 0, forward=min_id is not None)


def links(site: Site, request: Request, cursors: tuple[int, int] | None) -> tuple[tuple[bytes, bytes], ...]:
    """The ``Link`` header: ``cursors`` are those of the last and of the first item of the page."""
    if cursors is None:
        return ()
    last, first = cursors
    query = request.query_string
    kept = "" if not query else "".join(
        f"{part}&" for part in query.split("&")
        if part and part.partition("=")[0] not in ("max_id", "min_id", "since_id")
    )  # fmt: skip
    base = f"{site.origin}{request.raw_path}?{kept}"
    header = f'<{base}max_id={last}>; rel="next", <{base}min_id={first}>; rel="prev"'
    return ((b"link", header.encode("latin-1", "replace")),)


def path_id(request: Request, name: str = "id") -> int:
    """The id in the path; one that is none names nothing, like an unknown one."""
    value = ids.parse(request.segments[name])
    if value is None:
        raise NotFound
    return value
