"""Tokens and other secrets that we make: 256 random bits, so a plain hash of them is as good as the secret is long."""

import base64
import hashlib
import hmac


def as_text(secret: bytes) -> str:
    """URL-safe text of random bytes. It begins with no "-": a command that it is given to would see an option."""
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return "_" + text[1:] if text.startswith("-") else text


def fingerprint(secret: str) -> str:
    """What is stored instead of a random secret: SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Compares two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def form_key(cookie: str) -> str:
    """What a form must send back (CSRF), of the session's secret or of a signed-out visitor's random cookie.

    It is derived one way, so that a page that leaks it does not leak the cookie.
    """
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), b"linnet form", hashlib.sha256).hexdigest()


def recovery_code(secret: bytes) -> str:
    """Ten random bytes as people can write them down: ``abcd-efgh-ijkl-mnop`` (RFC 4648 base 32, 80 bits)."""
    text = base64.b32encode(secret).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def recovery_fingerprint(typed: str) -> str:
    """The fingerprint of a recovery code, however its groups were typed."""
    return fingerprint("".join(typed.split()).replace("-", "").lower())
