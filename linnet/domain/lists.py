"""Lists of accounts: what they are called, which replies they show, and how large they may be."""

from dataclasses import dataclass

from linnet.domain.errors import Invalid
from linnet.domain.text import clean

LISTS_MAX = 50
"""Per account, as in Mastodon."""
MEMBERS_MAX = 500
"""Per list: its timeline is read member by member, so that their number is what reading it costs."""
TITLE_CHARS = 256
REPLIES = ("followed", "list", "none")
"""To whom a member's reply to somebody else may be: anybody whom the reader follows, another member, nobody."""


@dataclass(frozen=True, slots=True)
class ListChanges:
    """What is to be; None where it stays, or for a new list is the usual."""

    title: str | None = None
    replies_policy: str | None = None
    exclusive: bool | None = None


def check(changes: ListChanges) -> None:
    """Raises Invalid for a title that is blank or too long, or an unknown policy."""
    if changes.title is not None:
        if not changes.title.strip():
            raise Invalid("title", "can't be blank", "ERR_BLANK")
        clean("title", changes.title, TITLE_CHARS)
    if changes.replies_policy is not None and changes.replies_policy not in REPLIES:
        raise Invalid("replies_policy", f"must be one of {', '.join(REPLIES)}", "ERR_INCLUSION")


def check_count(lists: int) -> None:
    """Raises Invalid where one more would be one too many."""
    if lists >= LISTS_MAX:
        raise Invalid("base", f"You have reached the maximum of {LISTS_MAX} lists", "ERR_TOO_MANY")


def check_members(members: int) -> None:
    """Raises Invalid where a list would have so many that it is too many."""
    if members > MEMBERS_MAX:
        raise Invalid("account_ids", f"A list has at most {MEMBERS_MAX} members", "ERR_TOO_MANY")
