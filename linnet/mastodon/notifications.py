"""Notifications as the client API's JSON."""

from linnet.domain import ids, times
from linnet.domain.views import NotificationRow


def notification(row: NotificationRow, account: bytes, status: bytes | None) -> bytes:
    """One notification around an account and a status that are rendered already."""
    about = b"" if status is None else b',"status":' + status
    return b'{"id":"%d","type":"%b","created_at":"%b","group_key":"ungrouped-%d","account":%b%b}' % (
        row.id,
        row.type.encode(),
        times.iso(ids.milliseconds(row.id)).encode(),
        row.id,
        account,
        about,
    )
