"""What people may do here, from the least to the most."""

from linnet.domain.errors import NotAllowed

RANKS = ("user", "moderator", "admin", "owner")


def rank(role: str) -> int:
    return RANKS.index(role) if role in RANKS else 0


def check_over(actor: str, subject: str) -> None:
    """Raises NotAllowed unless ``actor`` may moderate somebody of the role ``subject``: only those above may."""
    if rank(actor) < rank("moderator") or rank(actor) <= rank(subject):
        raise NotAllowed("You may not do this to somebody of that role")
