"""Our errors as pages in the same look as all others."""

from collections.abc import Callable

from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.telemetry import log
from linnet.web.door import Door

_FORMS: tuple[tuple[type[errors.LinnetError], int, str], ...] = (
    (errors.Unauthenticated, 401, "Please sign in"),
    (errors.NotAllowed, 403, "That is not allowed"),
    (errors.NotFound, 404, "This page is not there"),
    (errors.Conflict, 409, "That cannot be done now"),
    (errors.TooLarge, 413, "That is too much"),
    (errors.Invalid, 422, "Something in there is wrong"),
    (errors.TooMany, 429, "Too often"),
    (errors.Unavailable, 503, "Back in a moment"),
)
_NOT_FOUND = "The address may be mistyped, or what was here is gone, or it is not for everybody."
_OURS = "Something went wrong on our side, not yours. It has been written down for whoever runs this server."


def answerer(door: Door) -> Callable[[Request, Exception], Response]:
    """What answers a page's request whose handler raised."""

    def answer(request: Request, error: Exception) -> Response:
        status, heading, why = _form(error)
        if status == 500:
            log.error("request_failed", method=request.method, route=request.route, error=repr(error), exc_info=error)
        response = door.plain_page(request, "error.html", status, status=status, heading=heading, why=why)
        if isinstance(error, errors.TooMany | errors.Unavailable):
            response.add(b"retry-after", b"%d" % error.retry_after)
        return response

    return answer


def _form(error: Exception) -> tuple[int, str, str]:
    for kind, status, heading in _FORMS:
        if isinstance(error, kind):
            return status, heading, _NOT_FOUND if status == 404 else _why(error)
    return 500, "That went wrong", _OURS


def _why(error: Exception) -> str:
    words = f"{error.field} {error.why}" if isinstance(error, errors.Invalid) else str(error)
    return (words[:1].upper() + words[1:]).rstrip(".") + "."
