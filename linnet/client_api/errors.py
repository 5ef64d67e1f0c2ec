"""Our errors in the client API's own form: ``{"error": …}`` with the status that Mastodon gives."""

from typing import Any

from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.telemetry import log


def answer(request: Request, error: Exception) -> Response:
    """What a handler raised, as an answer. What nobody foresaw is a 500, told to the operator and not the client."""
    status, body, headers = _form(error)
    if status == 500:
        log.error("request_failed", method=request.method, route=request.route, error=repr(error), exc_info=error)
    return json(body, status, headers)


def _form(error: Exception) -> tuple[int, dict[str, Any], tuple[tuple[bytes, bytes], ...]]:
    if isinstance(error, errors.Invalid):
        return 422, _invalid(error.all if isinstance(error, errors.Invalids) else (error,)), ()
    if isinstance(error, errors.Conflict):
        # A ValidationError has details; what is wrong with no single field stands under "base", as Rails has it.
        detail = {"error": "ERR_CONFLICT", "description": str(error)}
        return 422, {"error": str(error), "details": {"base": [detail]}}, ()
    if isinstance(error, errors.TooMany):
        return 429, {"error": str(error)}, ((b"retry-after", b"%d" % error.retry_after),)
    if isinstance(error, errors.Unavailable):
        return 503, {"error": str(error)}, ((b"retry-after", b"%d" % error.retry_after),)
    if isinstance(error, errors.Unauthenticated):
        return 401, {"error": str(error)}, (_BEARER,)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status, {"error": str(error)}, ()
    return 500, {"error": "Something went wrong on our side. It has been logged."}, ()


# RFC 6750, 3.
_BEARER = (b"www-authenticate", b'Bearer realm="Linnet", error="invalid_token"')

_STATUSES: tuple[tuple[type[errors.LinnetError], int], ...] = (
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.TooLarge, 413),
)


def _invalid(found: tuple[errors.Invalid, ...]) -> dict[str, Any]:
    """A ValidationError: one sentence for people, and by field for programs."""
    details: dict[str, list[dict[str, str]]] = {}
    for one in found:
        details.setdefault(one.field, []).append({"error": one.code, "description": one.why})
    message = ", ".join(f"{_human(one.field)} {one.why}" for one in found)
    return {"error": f"Validation failed: {message}", "details": details}


def _human(field: str) -> str:
    return field.replace("_", " ").capitalize()
