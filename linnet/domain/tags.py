"""Hashtags that accounts follow or show on their profiles: which can be, and how many."""

from linnet.domain.errors import Invalid
from linnet.domain.text import hashtags

NAME_CHARS = 500
"""As long as a post usually is."""
FOLLOWED_MAX = 500
"""Per account: a home timeline asks for all of them where a status has hashtags."""
FEATURED_MAX = 10
"""Per account, as in Mastodon."""


def named(text: str) -> str | None:
    """The name of the hashtag that the text is, with or without the hash sign; None where it is none."""
    name = text.strip().removeprefix("#")
    return name if len(name) <= NAME_CHARS and hashtags(f"#{name}") == (name,) else None


def check_followed(count: int) -> None:
    """Raises Invalid where one more would be one too many."""
    if count >= FOLLOWED_MAX:
        raise Invalid("base", f"You cannot follow more than {FOLLOWED_MAX} hashtags", "ERR_TOO_MANY")


def check_featured(count: int) -> None:
    """Raises Invalid where one more would be one too many."""
    if count >= FEATURED_MAX:
        raise Invalid("base", f"You have already featured the maximum number of hashtags ({FEATURED_MAX})", "ERR_LIMIT")
