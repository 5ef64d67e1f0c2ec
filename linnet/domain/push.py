"""Web Push: what a browser or an app asks to be told of, where, and how far we go to tell it."""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from linnet.domain.errors import Invalid
from linnet.domain.notifications import HOUR_MS, KINDS

POLICIES = ("all", "followed", "follower", "none")
"""Whose doings are told: everybody's, of those whom one follows, of those who follow one, nobody's."""
TTL_MS = 48 * HOUR_MS
"""Nobody wants to be woken for what is older."""
SUBSCRIPTIONS = 50
"""An account has so many at most: the oldest goes when one more comes."""
ENDPOINT_CHARS = 2_000
BODY_CHARS = 140
KEY_BYTES = 65
SECRET_BYTES = 16
_BASE64 = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class Receiver(NamedTuple):
    """Where messages go, and the keys that only their receiver can open them with (RFC 8291: p256dh and auth).

    ``standard`` is False for those who know only the drafts of 2016 (``aesgcm``), as most apps for Mastodon do.
    """

    endpoint: str
    key: bytes
    secret: bytes
    standard: bool


class Wishes(NamedTuple):
    """What is to be told: these kinds of notifications, of those whom the policy names."""

    alerts: tuple[str, ...] = ()
    policy: str = "all"


def receiver(endpoint: str, key: str, secret: str, *, standard: bool) -> Receiver:
    """Raises Invalid. That ``key`` is a point of the curve is for whoever knows the curve to say."""
    if not _is_address(endpoint):
        raise Invalid("endpoint", "must be an https address")
    found = Receiver(endpoint, _bytes("p256dh", key), _bytes("auth", secret), standard)
    if len(found.key) != KEY_BYTES:
        raise Invalid("p256dh", f"must be a public key of {KEY_BYTES} bytes in base64")
    if len(found.secret) != SECRET_BYTES:
        raise Invalid("auth", f"must be {SECRET_BYTES} bytes in base64")
    return found


def wishes(alerts: tuple[str, ...], policy: str) -> Wishes:
    """Kinds that we do not know are as if not asked for. Raises Invalid."""
    if policy not in POLICIES:
        raise Invalid("policy", f"must be one of {', '.join(POLICIES)}")
    return Wishes(tuple(kind for kind in KINDS if kind in alerts), policy)


def audience(endpoint: str) -> str:
    """The origin of the push service, to which our proof is addressed."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False
    return usable and len(endpoint) <= ENDPOINT_CHARS and endpoint.isascii() and endpoint.isprintable()


def _bytes(field: str, text: str) -> bytes:
    """Base64 in both alphabets, with or without its padding: apps send all of them."""
    plain = text.replace("+", "-").replace("/", "_")
    if len(plain) > 200 or not _BASE64.fullmatch(plain):
        raise Invalid(field, "is not base64")
    plain = plain.rstrip("=")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        raise Invalid(field, "is not base64") from None
