"""Hashtags as the client API's JSON."""

from typing import Any

from linnet.domain import times
from linnet.domain.site import Site
from linnet.domain.views import FeaturedTagView, TagView


def tag(site: Site, view: TagView, *, signed_in: bool) -> dict[str, Any]:
    """A Tag; only somebody who is signed in is told what they do with it."""
    body: dict[str, Any] = {
        "id": view.key,
        "name": view.name,
        "url": site.tag_url(view.name),
        "history": [
            {"day": str(day), "uses": str(uses), "accounts": str(accounts)} for day, uses, accounts in view.history
        ],
    }
    if signed_in:
        body |= {"following": bool(view.following), "featuring": bool(view.featuring)}
    return body


def featured(site: Site, view: FeaturedTagView) -> dict[str, Any]:
    """A FeaturedTag."""
    last = view.last_status_at
    return {
        "id": str(view.id),
        "name": view.name,
        "url": site.tag_url(view.name),
        "statuses_count": str(view.statuses),
        "last_status_at": times.iso_date(last) if last is not None else None,
    }
