"""Who may quote a status, and what a reader is shown of what was quoted."""

from enum import IntEnum

from linnet.domain.errors import Invalid
from linnet.domain.visibility import Visibility


class Policy(IntEnum):
    """Who may quote a status without asking; the numbers are what is stored."""

    NOBODY = 0
    FOLLOWERS = 1
    PUBLIC = 2

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> "Policy | None":
        return _WORDS.get(word)


_WORDS = {policy.word: policy for policy in Policy}
WORDS = tuple(_WORDS)


class State(IntEnum):
    """What is stored of a quote; the rest depends on who reads (``shown``)."""

    NONE = 0
    ACCEPTED = 1
    REVOKED = 2


WITH_STATUS = frozenset(("accepted", "blocked_account", "blocked_domain", "muted_account"))
"""The states in which a reader is given the quoted status; all but the first are for a client to hide it."""


def policy_of(policy: Policy, visibility: Visibility) -> Policy:
    """What is narrower than public is quoted by its author alone, whatever was chosen."""
    return policy if visibility <= Visibility.UNLISTED else Policy.NOBODY


def may_quote(policy: int, visibility: int, *, own: bool, follows: bool) -> bool:
    """Whether somebody who may see a status may quote it, too."""
    if visibility == Visibility.DIRECT:
        return False
    kept = policy_of(Policy(policy), Visibility(visibility))
    return own or kept == Policy.PUBLIC or (kept == Policy.FOLLOWERS and follows)


def visibility_of(wanted: Visibility, quoted: int) -> Visibility:
    """Nothing that followers only may see is shown to more people by a quote."""
    if quoted == Visibility.PRIVATE and wanted <= Visibility.UNLISTED:
        return Visibility.PRIVATE
    return wanted


def check_addressed(visibility: Visibility, *, own: bool, mentioned: bool) -> None:
    """Raises Invalid: nobody is quoted behind their back."""
    if visibility == Visibility.DIRECT and not (own or mentioned):
        raise Invalid("quoted_status_id", "cannot be of somebody whom this private mention does not name")


def approval(policy: int, visibility: int, *, own: bool, follows: bool, signed_in: bool) -> tuple[list[str], str]:
    """Who may quote without asking, and how the reader may: ``automatic`` or ``denied``."""
    kept = policy_of(Policy(policy), Visibility(visibility))
    reader = signed_in and may_quote(policy, visibility, own=own, follows=follows)
    return ([] if kept == Policy.NOBODY else [kept.word]), "automatic" if reader else "denied"
