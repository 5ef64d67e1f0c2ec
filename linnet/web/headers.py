"""The headers of pages: what a browser may load and run (nothing), what it may keep, and our cookies."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from linnet.domain.access import SESSION_MS
from linnet.domain.site import Site
from linnet.http.response import HTML, Response

SESSION = "session"
STRANGER = "form"
THEME = "theme"

Header = tuple[bytes, bytes]

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action {actions}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: tuple[Header, ...] = (
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"vary", b"cookie"),
)
# RFC 6797: a browser that came over HTTPS once comes so for two years, whatever stands before us.
_HTTPS_ONLY: Header = (b"strict-transport-security", b"max-age=63072000")
PRIVATE: tuple[Header, ...] = ((b"cache-control", b"private, no-store"),)
# A stranger's page may be kept by their browser (back and forward), but carries a key of theirs: by no one else.
_STRANGERS: tuple[Header, ...] = ((b"cache-control", b"private, no-cache"),)


def page(site: Site, *, known: bool, redirect_uri: str = "", live: bool = False) -> tuple[Header, ...]:
    """``known`` where somebody is signed in; ``redirect_uri`` is where the consent page's answer is sent on to;
    ``live`` for a page that our own script listens on."""
    policy = _POLICY.format(actions=_actions(redirect_uri))
    if live:
        # Of this host only what is ours: nothing that was uploaded may run.
        policy += f"; script-src {site.origin}/static/; connect-src 'self'"
    return (
        (b"content-security-policy", policy.encode()),
        *_ALWAYS,
        *(PRIVATE if known else _STRANGERS),
        *((_HTTPS_ONLY,) if site.origin.startswith("https:") else ()),
    )


def framed(site: Site) -> tuple[Header, ...]:
    """Of the one kind of page that other sites may show in a frame: no cookie, no form, and one face for all."""
    policy = _POLICY.format(actions="'none'").replace("frame-ancestors 'none'", "frame-ancestors *")
    return (
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"same-origin"),
        (b"cache-control", b"public, max-age=300"),
        *((_HTTPS_ONLY,) if site.origin.startswith("https:") else ()),
    )


def _actions(redirect_uri: str) -> str:
    """Browsers hold ``form-action`` against redirects too, so that an app's own address has to be named."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in ("http", "https"):
        return f"'self' {parts.scheme}://{parts.netloc}"
    if parts.scheme and parts.scheme != "urn":
        return f"'self' {parts.scheme}:"
    return "'self'"


def html(text: str, status: int, headers: Sequence[Header]) -> Response:
    return Response(text.encode("utf-8", "replace"), status, headers, HTML)


def session_name(site: Site) -> str:
    return _name(site, SESSION)


def stranger_name(site: Site) -> str:
    return _name(site, STRANGER)


def _name(site: Site, name: str) -> str:
    """``__Host-`` makes browsers refuse it from a neighbouring host or over plain HTTP, where they know of HTTPS."""
    return f"__Host-{name}" if site.origin.startswith("https:") else name


def set_cookie(site: Site, name: str, value: str, seconds: int | None, *, strict: bool = False) -> Header:
    """``seconds`` None keeps it until the browser is closed."""
    secure = "; Secure" if site.origin.startswith("https:") else ""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    mode = "Strict" if strict else "Lax"
    return b"set-cookie", f"{_name(site, name)}={value}; Path=/; HttpOnly; SameSite={mode}{secure}{age}".encode()


def signed_in(site: Site, secret: str) -> Header:
    return set_cookie(site, SESSION, secret, SESSION_MS // 1000)


def signed_out(site: Site) -> Header:
    return set_cookie(site, SESSION, "", 0)


def theme(site: Site, name: str) -> Header:
    """Read by every page and by nobody else; ``""`` follows the system."""
    secure = "; Secure" if site.origin.startswith("https:") else ""
    age = 31_536_000 if name else 0
    return b"set-cookie", f"{THEME}={name}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}".encode()
