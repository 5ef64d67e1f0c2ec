"""What may be changed about a status that is posted."""

from dataclasses import dataclass

from linnet.domain.polls import PollDraft
from linnet.domain.quotes import Policy


@dataclass(frozen=True, slots=True)
class MediaChange:
    """New words for an attachment of the status; None leaves them."""

    id: int
    description: str | None = None
    focus: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """The whole of what may change; ``media_ids`` None leaves the attachments as they are.

    ``poll`` None takes the poll away, unless the revision ``keeps_poll`` whatever it is; ``content_type`` None is the
    one that the status has.
    """

    text: str
    spoiler: str = ""
    sensitive: bool = False
    language: str | None = None
    media_ids: tuple[int, ...] | None = None
    media_changes: tuple[MediaChange, ...] = ()
    poll: PollDraft | None = None
    keeps_poll: bool = True
    content_type: str | None = None
    quote_policy: Policy | None = None
