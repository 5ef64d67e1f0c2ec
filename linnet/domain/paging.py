"""Pages of things that are ordered by id, as the client API asks for them."""

from dataclasses import dataclass

HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Ids between ``min_id`` and ``max_id``, both exclusive, at most ``limit``; newest first.

    ``forward`` reads upwards from ``min_id`` (the client API's ``min_id``) and not downwards from ``max_id`` (its
    ``since_id`` and ``max_id``).
    """

    limit: int = 20
    max_id: int = HIGHEST_ID
    min_id: int = 0
    forward: bool = False
