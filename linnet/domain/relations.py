"""What one account may be to another: the options of a follow, and how many follows there may be."""

from dataclasses import dataclass

from linnet.domain.errors import Invalid
from linnet.domain.site import Limits
from linnet.domain.times import DAY_MS

FOLLOWERS_RATIO = 1.1
"""Beyond the limit one may follow this many accounts for each follower (Mastodon's FollowLimitValidator)."""
NOTE_CHARS = 2_000
MUTE_MS_MAX = 100 * 365 * DAY_MS


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What a follower wants of whom they follow; None where it was not said. Empty ``languages`` are all languages."""

    reblogs: bool | None = None
    notify: bool | None = None
    languages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """``duration_ms`` is None for a mute without an end."""

    notifications: bool = True
    duration_ms: int | None = None


def check_following(following: int, followers: int, limits: Limits) -> None:
    """Raises Invalid where one more follow would be one too many."""
    most = max(limits.follows, int(followers * FOLLOWERS_RATIO))
    if following >= most:
        raise Invalid("base", f"You cannot follow more than {most} accounts", "ERR_TOO_MANY")


def check_note(comment: str) -> str:
    if len(comment) > NOTE_CHARS:
        raise Invalid("comment", f"is too long (maximum is {NOTE_CHARS} characters)", "ERR_TOO_LONG")
    return comment
