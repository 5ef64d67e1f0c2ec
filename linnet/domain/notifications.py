"""What an account is told of: the client API's types of notifications that there are here."""

KINDS = ("mention", "status", "reblog", "follow", "follow_request", "favourite", "update", "admin.sign_up")
UNREAD_MAX = 1_000


def chosen(types: tuple[str, ...], excluded: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds that a reader asks for: all where none is named, without the excluded ones; unknown ones are none."""
    return tuple(kind for kind in KINDS if (not types or kind in types) and kind not in excluded)
