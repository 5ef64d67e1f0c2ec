"""Cross-origin access as Mastodon grants it: everything meant for programs may be read from any web page."""

from linnet.http.request import Request
from linnet.http.response import TEXT, Response

# Pages, sign-in and sessions are not here: they live by cookies, which no foreign page may use.
PREFIXES = ("/api/", "/oauth/", "/.well-known/", "/files/", "/nodeinfo/")

_ORIGIN = (b"access-control-allow-origin", b"*")
_METHODS = (b"access-control-allow-methods", b"POST, PUT, DELETE, GET, PATCH, OPTIONS")
_EXPOSE = (
    b"access-control-expose-headers",
    b"Link, X-RateLimit-Reset, X-RateLimit-Limit, X-RateLimit-Remaining, X-Request-Id, Deprecation, "
    b"Mastodon-Async-Refresh",
)
_MAX_AGE = (b"access-control-max-age", b"7200")
GRANTS = (_ORIGIN, _METHODS, _EXPOSE, _MAX_AGE)
_ANY_HEADERS = b"authorization, content-type, idempotency-key"


def applies(path: str) -> bool:
    """Whether a path (as it was sent) is open to other origins."""
    return path.startswith(PREFIXES)


def preflight(request: Request) -> Response | None:
    """The answer to a browser asking first (OPTIONS with an origin and a method), for known and unknown paths."""
    if request.method != "OPTIONS" or request.header("access-control-request-method") is None:
        return None
    wanted = request.header("access-control-request-headers")
    headers = _ANY_HEADERS if wanted is None or not wanted.isprintable() else wanted.encode("latin-1")
    return Response(
        b"",
        200,
        ((b"access-control-allow-headers", headers), (b"vary", b"Access-Control-Request-Headers")),
        TEXT,
    )
