"""OAuth scopes, Mastodon's list: the wide ones contain the granular ones."""

_NOUNS = {
    "read": (
        "accounts", "blocks", "bookmarks", "collections", "favourites", "filters", "follows", "lists", "mutes",
        "notifications", "search", "statuses",
    ),
    "write": (
        "accounts", "blocks", "bookmarks", "collections", "conversations", "favourites", "filters", "follows", "lists",
        "media", "mutes", "notifications", "reports", "statuses",
    ),
    "admin:read": (
        "accounts", "canonical_email_blocks", "domain_allows", "domain_blocks", "email_domain_blocks", "ip_blocks",
        "reports",
    ),
    "admin:write": (
        "accounts", "canonical_email_blocks", "domain_allows", "domain_blocks", "email_domain_blocks", "ip_blocks",
        "reports",
    ),
}  # fmt: skip

WIDE = ("profile", "read", "write", "follow", "push", "admin:read", "admin:write")
DEFAULT = ("read",)

KNOWN = (*WIDE, *(f"{wide}:{noun}" for wide, nouns in _NOUNS.items() for noun in nouns))
"""Every scope that can be asked for, the wide ones first."""

_known = frozenset(KNOWN)
_FOLLOW = frozenset({"read:follows", "write:follows", "read:blocks", "write:blocks", "read:mutes", "write:mutes"})


def allows(granted: tuple[str, ...], needed: str) -> bool:
    """Does one of the granted scopes cover ``needed``, such as ``read:statuses``?"""
    if needed in granted:
        return True
    wide = needed.rpartition(":")[0]
    return (wide != "" and wide in granted) or ("follow" in granted and needed in _FOLLOW)


def contains(granted: tuple[str, ...], asked: tuple[str, ...]) -> bool:
    """May somebody with ``granted`` be given ``asked``?"""
    return all(allows(granted, scope) for scope in asked)


def parse(text: str) -> tuple[str, ...]:
    """The scopes of a space-separated text, each once; ``read`` where there is none."""
    return tuple(dict.fromkeys(text.split())) or DEFAULT


def unknown(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``asked`` that do not exist."""
    return tuple(scope for scope in asked if scope not in _known)
