"""A status in another language, as the client API has it."""

import html
from collections.abc import Sequence
from typing import Any

from linnet.domain import text as words
from linnet.domain.views import StatusContent


def texts(content: StatusContent) -> tuple[str, ...]:
    """All that is to be translated, as HTML: the words, the warning, the poll's options, the descriptions."""
    options = content.poll.options if content.poll else ()
    described = (view.description for view in content.media if view.description)
    return (content.html, *(html.escape(one, quote=False) for one in (content.spoiler, *options, *described)))


def translation(content: StatusContent, said: Sequence[str], source: str, target: str, provider: str) -> dict[str, Any]:
    """A Translation of what ``texts`` gave, in the same order. It comes from elsewhere, and is cleaned."""
    rest = iter([words.to_plain(one) for one in said[1:]])
    spoiler = next(rest)
    options = [{"title": next(rest)} for _ in (content.poll.options if content.poll else ())]
    media = [{"id": str(view.id), "description": next(rest)} for view in content.media if view.description]
    return {
        "id": str(content.id),
        "content": words.sanitize_html(said[0]),
        "spoiler_text": spoiler,
        "language": target,
        "detected_source_language": source,
        "provider": provider,
        "poll": {"id": str(content.id), "options": options} if content.poll else None,
        "media_attachments": media,
    }
