"""Announcements as rows."""

import msgspec

from linnet.domain.announcements import Announcement, Linked
from linnet.domain.views import MentionView
from linnet.storage import statements
from linnet.storage.statements import Row

SQL = statements.load("announcements")

_mentions = msgspec.json.Decoder(tuple[MentionView, ...])
_tags = msgspec.json.Decoder(tuple[str, ...])
_linked = msgspec.json.Decoder(tuple[Linked, ...])


def as_announcement(row: Row) -> Announcement:
    return Announcement(*[*row[:3], _mentions.decode(row[3]), _tags.decode(row[4]), _linked.decode(row[5]), *row[6:]])
