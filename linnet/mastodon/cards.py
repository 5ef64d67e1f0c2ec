"""Preview cards as the client API's JSON."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from linnet.domain import times
from linnet.domain.cards import CardView
from linnet.domain.site import Site


def card(site: Site, view: CardView) -> dict[str, Any]:
    """A PreviewCard."""
    named = bool(view.author_name or view.author_url)
    author = {"name": view.author_name, "url": view.author_url, "account": None}
    return {
        "url": view.url,
        "title": view.title,
        "description": view.description,
        "language": view.language,
        "type": view.type,
        "author_name": view.author_name,
        "author_url": view.author_url,
        "provider_name": view.provider_name or urlsplit(view.url).hostname or "",
        "provider_url": view.provider_url,
        "html": view.html,
        "width": view.width,
        "height": view.height,
        "image": site.file_url(view.image_key) if view.image_key else None,
        "image_description": view.image_description,
        "embed_url": view.embed_url,
        "blurhash": view.blurhash,
        "published_at": times.iso(view.published_at) if view.published_at else None,
        "authors": [author] if named else [],
    }


def trending(site: Site, view: CardView, history: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    """A Trends::Link."""
    days = [{"day": str(day), "uses": str(uses), "accounts": str(accounts)} for day, uses, accounts in history]
    return card(site, view) | {"history": days}
