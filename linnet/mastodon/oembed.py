"""A status as other sites embed it (https://oembed.com)."""

from html import escape
from typing import Any

from linnet.domain.site import Site
from linnet.domain.views import StatusView

CACHE_SECONDS = 86_400


def document(site: Site, view: StatusView, width: int, height: int | None) -> dict[str, Any]:
    """An OEmbedResponse: a frame that shows the status, of ``width`` and ``height`` pixels."""
    author = view.author
    source = escape(f"{site.status_url(author.username, view.row.id)}/embed")
    size = f' width="{width}"' + (f' height="{height}"' if height else "")
    return {
        "type": "rich",
        "version": "1.0",
        "title": f"New status by {author.name}",
        "author_name": author.name,
        "author_url": site.account_url(author.username),
        "provider_name": site.domain,
        "provider_url": f"{site.origin}/",
        "cache_age": CACHE_SECONDS,
        "html": f'<iframe src="{source}" class="linnet-embed" style="max-width: 100%; border: 0"{size}></iframe>',
        "width": width,
        "height": str(height) if height else None,
    }
