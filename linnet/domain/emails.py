"""E-mail addresses: their syntax (the part of RFC 5321 that is in use) and the form in which they are unique."""

import re

import idna

from linnet.domain.errors import Invalid

LONGEST = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def check(email: str) -> str:
    """The address as mail is sent to it: its domain in lower-case ASCII. Raises Invalid. Asks no DNS."""
    text = email.strip()
    if not text:
        raise Invalid("email", "can't be blank", "ERR_BLANK")
    local, _, host = text.rpartition("@")
    host = _ascii_host(host)
    if len(local) > 64 or len(local) + len(host) >= LONGEST or not _LOCAL.fullmatch(local):
        raise _invalid()
    if not _HOST.fullmatch(host) or ("." not in host and host != "localhost"):
        raise _invalid()
    return f"{local}@{host}"


def key(email: str) -> str:
    """What makes two checked addresses the same: nobody's mailboxes differ by case."""
    return email.lower()


def hidden(email: str) -> str:
    """For showing to somebody who may not be its owner: ``a…@example.com``."""
    local, _, host = email.rpartition("@")
    return f"{local[:1]}…@{host}"


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise _invalid() from None


def _invalid() -> Invalid:
    return Invalid("email", "is not an e-mail address", "ERR_INVALID")
