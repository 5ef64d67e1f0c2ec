"""Which usernames there may be: 1 to 30 of a-z, A-Z, 0-9 and _, as on Mastodon, unique whatever their case."""

import re

from linnet.domain.errors import Invalid

LONGEST = 30
_WORD = re.compile(r"[A-Za-z0-9_]+")

RESERVED = frozenset((
    "abuse", "account", "accounts", "admin", "administration", "administrator", "admins", "everyone", "help",
    "helpdesk", "here", "hostmaster", "info", "instance", "linnet", "mod", "moderator", "moderators", "mods",
    "no_reply", "noreply", "official", "owner", "postmaster", "root", "security", "server", "staff", "support",
    "system", "webmaster",
))  # fmt: skip
"""Names that strangers would take for the operator's. The operator's own command line may still give them."""


def check(username: str) -> str:
    """The name as it will be shown. Raises Invalid."""
    name = username.strip()
    if not name:
        raise Invalid("username", "can't be blank", "ERR_BLANK")
    if not _WORD.fullmatch(name):
        raise Invalid("username", "must contain only letters, numbers and underscores", "ERR_INVALID")
    if len(name) > LONGEST:
        raise Invalid("username", f"is too long (maximum is {LONGEST} characters)", "ERR_TOO_LONG")
    return name


def refuse_reserved(username: str) -> None:
    """Raises Invalid for a name that is kept back. Trailing and doubled underscores do not make it another name."""
    if username.lower() in RESERVED or username.lower().strip("_") in RESERVED:
        raise Invalid("username", "is reserved", "ERR_RESERVED")


def key(username: str) -> str:
    """What makes two names the same."""
    return username.lower()
