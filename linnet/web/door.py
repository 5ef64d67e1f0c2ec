"""What every page's handler is given, who is let in, and what its answers carry: a policy, a cookie, no cache."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from linnet.actions.posting import Posting
from linnet.actions.statuses import Written
from linnet.domain import ids, secrets
from linnet.domain.access import Visit
from linnet.domain.errors import NotAllowed, NotFound
from linnet.domain.notifications import KINDS
from linnet.domain.paging import HIGHEST_ID
from linnet.domain.site import Site
from linnet.domain.views import NOBODY, Identity, Profile, StatusView
from linnet.http.limits import RateLimiter
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.http.router import Handler
from linnet.ports import Blobs, Chance, Clock, Guards, Ids, Images, Mail, Recordings
from linnet.queries import access, accounts, emojis, notifications
from linnet.queries import sessions as visits
from linnet.queries.notifications import Wanted
from linnet.queries.profiles import Choice
from linnet.storage.database import Database, Operation
from linnet.web import addresses, headers
from linnet.web.templating import Pages
from linnet.web.usage import Usage

T = TypeVar("T")

ANYBODY = "anybody"
"""Whoever comes; somebody signed in sees their own."""
SIGNED_IN = "signed in"
BARRED = "barred"
"""Somebody signed in, who may also still be waiting for a confirmation or a moderator."""
MODERATOR = "moderator"
MODERATORS = frozenset({"moderator", "admin", "owner"})

EVERYTHING = Choice()

THEMES = ("light", "dark")
UNREAD_MOST = 99


class Chrome(NamedTuple):
    """What stands around every page of somebody signed in."""

    profile: Profile
    unread: int


@dataclass(slots=True)
class Visitor:
    """Whose browser asks. ``fresh_cookie`` is a new secret for a stranger's forms, set as soon as a page uses it.

    ``warned`` are the posts on this page that meet filters of theirs, each with the filters' titles; ``quoted`` is what
    posts on this page quote, by the id of the post that does.
    """

    identity: Identity
    visit: Visit | None
    secret: str
    theme: str
    stranger: str
    fresh_cookie: str = ""
    chrome: Chrome | None = None
    warned: dict[int, str] = field(default_factory=dict)
    quoted: dict[int, StatusView] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.identity.account_id

    @property
    def signed_in(self) -> bool:
        """Whether somebody is signed in who may act now."""
        return self.identity.signed_in and not self.barred

    @property
    def barred(self) -> str:
        return self.visit.barred if self.visit is not None else ""

    @property
    def moderates(self) -> bool:
        return self.signed_in and self.identity.role in MODERATORS


class Streams(Protocol):
    """What happens while a page is looked at; ``app`` hands it in."""

    async def position(self) -> str:
        """From where on a page that is read now will have to be told."""
        ...

    async def for_page(self, request: Request, reader: Identity, still: Callable[[], Awaitable[Identity]]) -> Response:
        """An endless answer; ``still`` raises where its reader may not hear it any more."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """The parts that handlers use; ``app`` puts them together."""

    database: Database
    site: Site
    pages: Pages
    clock: Clock
    chance: Chance
    ids: Ids
    images: Images
    recordings: Recordings
    blobs: Blobs
    guards: Guards
    mail: Mail
    limits: RateLimiter
    streams: Streams
    posting: Posting
    usage: Usage

    def once(self) -> Operation:
        """A receipt of its own, against the engine's retries only."""
        return Operation.once(self.ids)

    def operation(self, request: Request, params: Mapping[str, Any]) -> Operation:
        """A form that is sent twice (its button pressed twice) is carried out once: each carries its own number."""
        number, visitor = params.get("once"), visitor_of(request)
        if isinstance(number, str) and number.isdecimal() and len(number) < 20 and visitor.identity.key:
            return Operation(f"page:{visitor.identity.key}:{request.path}:{number}")
        if visitor.identity.key and (name := request.operation):
            return Operation(f"proxy:{visitor.identity.key}:{request.method} {request.path}:{name[:200]}")
        return request.receipt(self.once)

    async def page(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """A whole page, with what every page shows of its reader."""
        visitor = visitor_of(request)
        if visitor.signed_in and visitor.chrome is None:
            visitor.chrome = await self._chrome(visitor.id)
        state = await emojis.state(self.database)
        if state != self.pages.emoji_state:
            found = await emojis.all(self.database)
            self.pages.keep_emojis(state, {one.shortcode: one.file_key for one in found})
        return self.plain_page(request, template, status, **values)

    async def with_waiting(
        self, request: Request, account_id: int, views: Sequence[StatusView], choice: Choice = EVERYTHING
    ) -> tuple[StatusView, ...]:
        """The newest of what is the reader's own, with what stands in the journal; any other page as it is."""
        wanted = addresses.page(request)
        first = not wanted.forward and wanted.max_id == HIGHEST_ID
        if not first or not self.posting.active or visitor_of(request).id != account_id:
            return tuple(views)
        known = {view.row.id for view in views}
        found = [one for one in await self.posting.of(account_id) if one.row.id not in known]
        return (*await self.viewed([one for one in found if choice.takes(one.row, one.content)]), *views)

    async def viewed(self, posts: Sequence[Written]) -> tuple[StatusView, ...]:
        """Posts that are in no table yet, whole."""
        authors = await accounts.profiles(self.database, {one.row.account_id for one in posts}) if posts else {}
        found = [(one, authors.get(one.row.account_id)) for one in posts]
        return tuple(StatusView(one.row, one.content, author) for one, author in found if author is not None)

    async def _chrome(self, account_id: int) -> Chrome:
        profile = (await accounts.profiles(self.database, (account_id,)))[account_id]
        return Chrome(profile, await notifications.unread(self.database, account_id, Wanted(KINDS), UNREAD_MOST + 1))

    def plain_page(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page of what is known already: for errors, where nothing more may be asked of the database."""
        visitor = visitor_of(request)
        text = self.pages.render(
            template, visitor=visitor, chrome=visitor.chrome, path=request.path, now=self.clock.now_ms(),
            form_key=lambda: self._form_key(visitor), number=self.ids.next, here=addresses.here(request),
            sends_mail=self.mail.configured, **values,
        )  # fmt: skip
        more = headers.page(
            self.site, known=visitor.identity.signed_in, redirect_uri=values.get("redirect_uri", ""),
            live=bool(values.get("position")),
        )  # fmt: skip
        if visitor.fresh_cookie:
            more = (*more, headers.set_cookie(self.site, headers.STRANGER, visitor.fresh_cookie, None))
        return headers.html(text, status, more)

    def _form_key(self, visitor: Visitor) -> str:
        """What a form must send back."""
        if visitor.visit is not None:
            return visitor.visit.form_key
        if not visitor.stranger:
            visitor.stranger = visitor.fresh_cookie = secrets.as_text(self.chance.secret(24))
        return secrets.form_key(visitor.stranger)


Page = Callable[[Door, Request], Awaitable[Response]]


def visitor_of(request: Request) -> Visitor:
    """Who asks; a stranger where the error came before anybody was looked for."""
    if isinstance(request.context, Visitor):
        return request.context
    return Visitor(access.ANONYMOUS, None, "", _theme(request), "")


def guarded(door: Door, page: Page, admits: str) -> Handler:
    """Finds out who asks, and how often, sends strangers to the sign-in page, and takes no form that is not ours."""

    async def handle(request: Request) -> Response:
        request.context = visitor = await _visitor(door, request)
        if visitor.identity.signed_in:
            door.limits.spend("page_account", str(visitor.id))
        else:
            door.limits.spend("page_address", request.client_network)
        # Nothing of a form is read where its sender may not send any: it may bring many pictures.
        if request.method == "POST" and (admits == ANYBODY or visitor.identity.signed_in):
            await _check_form(request, visitor)
        if admits != ANYBODY and not visitor.identity.signed_in:
            where = addresses.here(request) if request.method == "GET" else "/"
            return redirect(addresses.with_query("/sign-in", back=where), headers=headers.PRIVATE)
        if admits in (SIGNED_IN, MODERATOR) and visitor.barred:
            return redirect("/waiting", headers=headers.PRIVATE)
        if admits == MODERATOR and not visitor.moderates:
            # Whoever may not see it need not know that it is there.
            raise NotFound
        return await answered(door, request, partial(page, door, request))

    return handle


async def answered(door: Door, request: Request, answer: Callable[[], Awaitable[T]]) -> T:
    """What ``answer`` says; once more where it misses a status that the request names and that was on its way."""
    try:
        return await answer()
    except NotFound as error:
        return await door.posting.once_more(
            error, request.method, request.segments, request.params, visitor_of(request).id, answer
        )


async def _visitor(door: Door, request: Request) -> Visitor:
    secret = request.cookie(headers.session_name(door.site)) or ""
    visit = await visits.visit(door.database, secret) if secret else None
    if visit is not None and visit.stale:
        door.usage.note(secret, request.client)
    stranger = request.cookie(headers.stranger_name(door.site)) or ""
    identity = visit.identity if visit is not None else access.ANONYMOUS
    return Visitor(identity, visit, secret if visit else "", _theme(request), stranger)


def _theme(request: Request) -> str:
    theme = request.cookie(headers.THEME)
    return theme if theme in THEMES else ""


async def _check_form(request: Request, visitor: Visitor) -> None:
    """A form must carry the key that only a page of ours, shown to this browser, had. Raises NotAllowed."""
    if request.header("sec-fetch-site") in ("cross-site", "same-site"):
        raise NotAllowed("This form was sent by another site")
    sent = (await request.params()).get("form_key")
    known = visitor.visit.form_key if visitor.visit is not None else ""
    if not known and visitor.stranger:
        known = secrets.form_key(visitor.stranger)
    if not known or not isinstance(sent, str) or not secrets.same(known, sent):
        raise NotAllowed("This form has expired: go back, load the page again and send it once more")


def reader(request: Request) -> int:
    """The account that reads, or NOBODY."""
    visitor = visitor_of(request)
    return visitor.id if visitor.signed_in else NOBODY


def path_id(request: Request, name: str = "id") -> int:
    """The id in the path; one that is none names nothing, like an unknown one."""
    value = ids.parse(request.segments[name])
    if value is None:
        raise NotFound
    return value
