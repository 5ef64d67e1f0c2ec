"""All pages as a table: which address is answered by what, and who may come."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import NamedTuple

from linnet.archives.bounds import Bounds
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.http.router import Route
from linnet.http.static import StaticFiles
from linnet.web import (
    about,
    appearance,
    compose,
    consent,
    conversations,
    drafts,
    embeds,
    entrance,
    filters,
    letters,
    lists,
    moderation,
    moving,
    notification_requests,
    notifications,
    profiles,
    reports,
    search,
    security,
    settings,
    statuses,
    timelines,
)
from linnet.web.door import ANYBODY, BARRED, MODERATOR, SIGNED_IN, Door, Page, guarded

PICTURES_MAX = 40 << 20
"""Bytes of pictures in one form: four from a phone."""
FORM_MAX = 256 << 10
ARCHIVE_MAX = Bounds().archive_bytes


class Shown(NamedTuple):
    """A page: who may come stands beside what is shown. Its form may bring ``pictures``, ``films`` too, or an
    ``archive``.
    """

    method: str
    pattern: str
    page: Page
    admits: str = ANYBODY
    pictures: bool = False
    archive: bool = False
    films: bool = False


PAGES: tuple[Shown, ...] = (
    # streams
    Shown("GET", "/", timelines.home),
    Shown("GET", "/live", timelines.live, SIGNED_IN),
    Shown("GET", "/public", timelines.public),
    Shown("GET", "/tags/:tag", timelines.tag),
    Shown("GET", "/favourites", timelines.favourites, SIGNED_IN),
    Shown("GET", "/bookmarks", timelines.bookmarks, SIGNED_IN),
    Shown("GET", "/notifications", notifications.show, SIGNED_IN),
    Shown("POST", "/notifications/clear", notifications.clear, SIGNED_IN),
    Shown("GET", "/notifications/requests", notification_requests.show, SIGNED_IN),
    Shown("POST", "/notifications/requests/:id/accept", notification_requests.accept, SIGNED_IN),
    Shown("POST", "/notifications/requests/:id/dismiss", notification_requests.dismiss, SIGNED_IN),
    Shown("GET", "/search", search.find),
    Shown("GET", "/directory", search.directory),
    Shown("GET", "/about", about.show),
    # posts
    Shown("GET", "/compose", compose.show, SIGNED_IN),
    Shown("POST", "/compose", compose.post, SIGNED_IN, True, films=True),
    Shown("GET", "/statuses/:id/edit", compose.edit, SIGNED_IN),
    Shown("POST", "/statuses/:id/edit", compose.save, SIGNED_IN, True, films=True),
    Shown("GET", "/statuses/:id/delete", compose.ask_delete, SIGNED_IN),
    Shown("POST", "/statuses/:id/delete", compose.delete, SIGNED_IN),
    Shown("POST", "/statuses/:id/vote", statuses.vote, SIGNED_IN),
    Shown("POST", "/statuses/:id/:mark", statuses.mark, SIGNED_IN),
    Shown("GET", "/@:name/:id", statuses.thread),
    Shown("GET", "/@:name/:id/history", statuses.history),
    Shown("GET", "/@:name/:id/embed", embeds.show),
    Shown("GET", "/@:name/:id/favourites", statuses.favourited_by),
    Shown("GET", "/@:name/:id/boosts", statuses.reblogged_by),
    Shown("GET", "/conversations", conversations.index, SIGNED_IN),
    Shown("POST", "/conversations/:conversation/read", conversations.read, SIGNED_IN),
    Shown("POST", "/conversations/:conversation/delete", conversations.delete, SIGNED_IN),
    Shown("GET", "/drafts", drafts.index, SIGNED_IN),
    Shown("GET", "/drafts/:draft", drafts.show, SIGNED_IN),
    Shown("POST", "/drafts/:draft/delete", drafts.delete, SIGNED_IN),
    Shown("POST", "/scheduled/:scheduled/cancel", drafts.cancel, SIGNED_IN),
    # lists
    Shown("GET", "/lists", lists.index, SIGNED_IN),
    Shown("POST", "/lists", lists.create, SIGNED_IN),
    Shown("GET", "/lists/:list", lists.show, SIGNED_IN),
    Shown("GET", "/lists/:list/edit", lists.edit, SIGNED_IN),
    Shown("POST", "/lists/:list/edit", lists.save, SIGNED_IN),
    Shown("POST", "/lists/:list/add", lists.add, SIGNED_IN),
    Shown("POST", "/lists/:list/remove", lists.remove, SIGNED_IN),
    Shown("POST", "/lists/:list/delete", lists.delete, SIGNED_IN),
    # people
    Shown("GET", "/@:name", profiles.posts),
    Shown("GET", "/@:name/with_replies", profiles.with_replies),
    Shown("GET", "/@:name/media", profiles.media),
    Shown("GET", "/@:name/followers", profiles.followers),
    Shown("GET", "/@:name/following", profiles.following),
    Shown("POST", "/@:name/:deed", profiles.act, SIGNED_IN),
    # coming in and going out
    Shown("GET", "/sign-up", entrance.sign_up_form),
    Shown("POST", "/sign-up", entrance.join),
    Shown("GET", "/invite/:code", entrance.invite),
    Shown("GET", "/setup", entrance.setup_form),
    Shown("POST", "/setup", entrance.create_owner),
    Shown("GET", "/sign-in", entrance.sign_in_form),
    Shown("POST", "/sign-in", entrance.sign_in),
    Shown("POST", "/sign-in/code", entrance.sign_in_code),
    Shown("GET", "/sign-out", entrance.sign_out_form, BARRED),
    Shown("POST", "/sign-out", entrance.sign_out, BARRED),
    Shown("GET", "/waiting", entrance.waiting, BARRED),
    Shown("POST", "/waiting", entrance.resend, BARRED),
    Shown("GET", "/confirm", letters.confirm_form),
    Shown("POST", "/confirm", letters.confirm),
    Shown("GET", "/forgot", letters.forgot_form),
    Shown("POST", "/forgot", letters.forgot),
    Shown("GET", "/reset", letters.reset_form),
    Shown("POST", "/reset", letters.reset),
    Shown("GET", "/oauth/authorize", consent.ask),
    Shown("POST", "/oauth/authorize", consent.answer, SIGNED_IN),
    Shown("GET", "/oauth/authorize/native", consent.native, SIGNED_IN),
    # settings
    Shown("GET", "/settings", settings.profile, SIGNED_IN),
    Shown("POST", "/settings", settings.save_profile, SIGNED_IN, True),
    Shown("GET", "/settings/preferences", appearance.show),
    Shown("POST", "/settings/preferences", appearance.save, SIGNED_IN),
    Shown("POST", "/settings/theme", appearance.theme),
    Shown("GET", "/settings/people", settings.people, SIGNED_IN),
    Shown("GET", "/settings/notifications", notification_requests.settings, SIGNED_IN),
    Shown("POST", "/settings/notifications", notification_requests.save, SIGNED_IN),
    Shown("GET", "/settings/filters", filters.index, SIGNED_IN),
    Shown("POST", "/settings/filters", filters.create, SIGNED_IN),
    Shown("GET", "/settings/filters/:filter", filters.edit, SIGNED_IN),
    Shown("POST", "/settings/filters/:filter", filters.save, SIGNED_IN),
    Shown("POST", "/settings/filters/:filter/delete", filters.delete, SIGNED_IN),
    Shown("GET", "/settings/account", security.show, SIGNED_IN),
    Shown("POST", "/settings/email", security.change_email, SIGNED_IN),
    Shown("POST", "/settings/password", security.change_password, SIGNED_IN),
    Shown("GET", "/settings/two-factor", security.two_factor_form, SIGNED_IN),
    Shown("POST", "/settings/two-factor", security.turn_on, SIGNED_IN),
    Shown("POST", "/settings/two-factor/off", security.turn_off, SIGNED_IN),
    Shown("POST", "/settings/two-factor/codes", security.new_codes, SIGNED_IN),
    Shown("POST", "/settings/sessions/end", security.end_session, SIGNED_IN),
    Shown("POST", "/settings/apps/end", security.end_app, SIGNED_IN),
    Shown("GET", "/settings/moving", moving.show, SIGNED_IN),
    Shown("POST", "/settings/exports", moving.make, SIGNED_IN),
    Shown("POST", "/settings/exports/:export/delete", moving.delete, SIGNED_IN),
    Shown("GET", "/settings/exports/:export/archive.zip", moving.fetch, SIGNED_IN),
    Shown("POST", "/settings/imports", moving.take_in, SIGNED_IN, archive=True),
    Shown("GET", "/settings/imports/:import", moving.report, SIGNED_IN),
    Shown("GET", "/settings/delete", security.ask_delete, BARRED),
    Shown("POST", "/settings/delete", security.delete, BARRED),
    # moderation
    Shown("GET", "/moderation", moderation.show, MODERATOR),
    Shown("GET", "/moderation/people", moderation.people, MODERATOR),
    Shown("GET", "/moderation/reports", reports.index, MODERATOR),
    Shown("GET", "/moderation/reports/:report", reports.show, MODERATOR),
    Shown("POST", "/moderation/reports/:report/:deed", reports.act, MODERATOR),
    Shown("GET", "/moderation/log", reports.entries, MODERATOR),
    Shown("GET", "/moderation/accounts/:name", moderation.account, MODERATOR),
    Shown("POST", "/moderation/accounts/:name/:deed", moderation.act, MODERATOR),
    Shown("POST", "/moderation/invites", moderation.invite, MODERATOR),
    Shown("POST", "/moderation/invites/end", moderation.end_invite, MODERATOR),
    Shown("POST", "/moderation/rules", moderation.add_rule, MODERATOR),
    Shown("POST", "/moderation/rules/:id/remove", moderation.remove_rule, MODERATOR),
    Shown("POST", "/moderation/jobs/:id/retry", moderation.retry, MODERATOR),
    Shown("POST", "/moderation/trends/remove", moderation.untrend, MODERATOR),
)


def assets() -> StaticFiles:
    """The style sheet and the pictures."""
    return StaticFiles(files("linnet.web") / "static")


def routes(door: Door, static: StaticFiles) -> list[Route]:
    """All pages, and the files that they are made of."""
    most = max(PICTURES_MAX, door.site.limits.image_bytes)
    shown = []
    for row in PAGES:
        film = door.site.limits.film_bytes if row.films else 0
        upload = ARCHIVE_MAX if row.archive else max(most, film) if row.pictures else 0
        spool = door.blobs.scratch if row.archive or row.films else None
        handler = guarded(door, row.page, row.admits)
        shown.append(Route(row.method, row.pattern, handler, row, FORM_MAX, upload, spool))
    return [*shown, *static.routes(), *_lasting(static)]


def _lasting(static: StaticFiles) -> list[Route]:
    """Addresses without a hash, for what others keep the address of: the default pictures, the icon."""

    def named(of: Callable[[Request], str]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            request.segments = {"hash": "", "name": of(request)}
            return await static.serve(request)

        return serve

    return [
        Route("GET", "/static/:name", named(lambda request: request.segments["name"])),
        Route("GET", "/favicon.ico", named(lambda _request: "icon.png")),
    ]
