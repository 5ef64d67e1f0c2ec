"""OAuth 2 as we allow it (RFC 6749 with PKCE, RFC 7636): the rules that need no database."""

import base64
import hashlib
import re
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from linnet.domain import secrets
from linnet.domain.errors import Invalid, LinnetError

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""In place of a redirect address: the code is shown to the person, who carries it over."""
CODE_MS = 10 * 60_000
REDIRECT_LONGEST = 2000

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
_SCRIPTS = frozenset({"javascript", "data", "vbscript", "blob", "file", "about", "view-source", "filesystem"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Refused(LinnetError):
    """An OAuth error: ``code`` from RFC 6749 and ``description`` in words.

    ``redirect_uri`` is set where the client is known well enough to be told by redirect (``error_location``).
    """

    def __init__(self, code: str, description: str, redirect_uri: str | None = None, state: str | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.redirect_uri = redirect_uri
        self.state = state


class AuthorizationRequest(NamedTuple):
    """A checked request for consent. ``challenge`` is PKCE's (S256), None where the app does without."""

    app_id: int
    app_name: str
    app_website: str | None
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None

    @property
    def out_of_band(self) -> bool:
        return self.redirect_uri == OUT_OF_BAND


def check_redirect_uri(uri: str) -> str:
    """An address that codes may be sent to. Raises Invalid."""
    if uri == OUT_OF_BAND:
        return uri
    if len(uri) > REDIRECT_LONGEST:
        raise Invalid("redirect_uri", f"is too long (maximum is {REDIRECT_LONGEST} characters)", "ERR_TOO_LONG")
    if any(character <= " " or character in '"<>\\^`{|}' or character == "\x7f" for character in uri):
        raise Invalid("redirect_uri", "must be an absolute URI.")
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or not _SCHEME.fullmatch(scheme):
        raise Invalid("redirect_uri", "must be an absolute URI.")
    if "#" in uri:
        raise Invalid("redirect_uri", "cannot contain a fragment.")
    if scheme.lower() in _SCRIPTS:
        raise Invalid("redirect_uri", "uses a scheme that is not allowed.")
    if scheme.lower() in {"http", "https"}:
        _check_web_address(uri)
    return uri


def _check_web_address(uri: str) -> None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise Invalid("redirect_uri", "must be an absolute URI.") from None
    if not parts.hostname or "@" in parts.netloc or port == 0:
        raise Invalid("redirect_uri", "must be an absolute URI.")


def with_params(uri: str, **params: str | None) -> str:
    """``uri`` with parameters added to its query; those that are None are left out."""
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def granted_location(request: AuthorizationRequest, code: str) -> str:
    """Where the browser goes with its code."""
    return with_params(request.redirect_uri, code=code, state=request.state)


def error_location(error: Refused) -> str:
    """Where the browser takes the bad news; only where ``error.redirect_uri`` is set."""
    return with_params(
        error.redirect_uri or "", error=error.code, error_description=error.description, state=error.state
    )


def check_challenge(challenge: str, method: str) -> str | None:
    """The PKCE challenge, None where there is none. Raises ValueError with the reason in words."""
    if not challenge:
        if method:
            raise ValueError("The code challenge is missing")
        return None
    if method != "S256":
        raise ValueError("The code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise ValueError("The code challenge is not a SHA-256 hash in base64url")
    return challenge


def verifies(challenge: str | None, verifier: str) -> bool:
    """Does the verifier fit the challenge that the code was asked with? A verifier without a challenge does not."""
    if challenge is None:
        return verifier == ""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return secrets.same(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)
