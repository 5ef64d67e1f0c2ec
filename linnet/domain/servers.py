"""Names of other servers, as people write them."""

import re

import idna

from linnet.domain.errors import Invalid

BLOCKED_MAX = 10_000
"""How many servers an account may block: as many as lists that people share have, and more."""
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}(?::\d{1,5})?")


def domain(text: str, own: str) -> str:
    """The domain in its one form: lower case, in ASCII, with a port where it has one. Raises Invalid.

    ``own`` is our own domain, which is no other server's.
    """
    name = text.strip().rstrip(".").lower()
    host, colon, port = name.partition(":")
    try:
        name = (host if host.isascii() else idna.encode(host[:253], uts46=True).decode("ascii")) + colon + port
    except idna.IDNAError:
        name = ""
    if not _HOST.fullmatch(name):
        raise Invalid("domain", "is not a valid domain name", "ERR_INVALID")
    if name == own.lower():
        raise Invalid("domain", "is this server itself", "ERR_INVALID")
    return name


def check_blocked(count: int) -> None:
    """Raises Invalid where one more would be one too many."""
    if count >= BLOCKED_MAX:
        raise Invalid("base", f"You cannot block more than {BLOCKED_MAX} servers", "ERR_TOO_MANY")
