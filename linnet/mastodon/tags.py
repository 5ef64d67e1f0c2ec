"""Hashtags as the client API's JSON."""

from typing import Any

from linnet.domain.site import Site
from linnet.domain.views import TagView


def tag(site: Site, view: TagView, *, following: bool | None) -> dict[str, Any]:
    """A Tag; ``following`` None for somebody not signed in."""
    body: dict[str, Any] = {
        "id": view.key,
        "name": view.name,
        "url": site.tag_url(view.name),
        "history": [
            {"day": str(day), "uses": str(uses), "accounts": str(accounts)} for day, uses, accounts in view.history
        ],
    }
    if following is not None:
        body |= {"following": following, "featuring": False}
    return body
