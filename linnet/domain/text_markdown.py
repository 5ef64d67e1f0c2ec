"""Markdown to HTML as Mastodon's clients take it: sanitised, with mentions, hashtags and links in its words.

What stands in code or in a link stays as it was written: nobody is named there and nothing is filed under a tag.
"""

import html
import re
from collections.abc import Callable

import comrak

from linnet.domain.errors import Invalid
from linnet.domain.text_html import ResolveMention, TagUrl, inline_html, sanitize_html

DEPTH_MAX = 32
"""Elements inside each other: more would only break whoever shows it."""

_TAG = re.compile(r"<(/?)([a-z]+)[^>]*>")
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"[^>]*/>')
_VERBATIM = frozenset({"a", "code", "pre"})
_EMPTY = frozenset({"br"})


def _extensions() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.strikethrough = True
    return options


def _rendering() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    # HTML that is written into the text is shown, not taken; a line break is one, as in every other post.
    options.escape = True
    options.hardbreaks = True
    options.compact_html = True
    return options


_EXTENSIONS, _RENDERING = _extensions(), _rendering()


def markdown_html(text: str) -> str:
    """Sanitised HTML without any links to mentions and hashtags yet: for ``spoken`` and ``linked``. Raises Invalid.

    A picture becomes a link to it: pictures in posts are attachments, with their descriptions.
    """
    rendered = comrak.render_markdown(text, extension_options=_EXTENSIONS, render_options=_RENDERING)
    body = sanitize_html(_IMAGE.sub(lambda match: f'<a href="{match[1]}">{match[2] or match[1]}</a>', rendered))
    depth = 0
    for match in _TAG.finditer(body):
        if match[2] not in _EMPTY:
            depth += -1 if match[1] else 1
            if depth > DEPTH_MAX:
                raise Invalid("status", f"has more than {DEPTH_MAX} levels inside each other", "ERR_INVALID")
    return body


def spoken(body: str) -> str:
    """The words of ``markdown_html`` in which mentions and hashtags are looked for, as plain text."""
    words: list[str] = []

    def keep(text: str) -> str:
        words.append(text)
        return text

    _over_words(body, keep)
    return "\n".join(words)


def linked(body: str, resolve_mention: ResolveMention, tag_url: TagUrl) -> str:
    """The HTML with links, hashtags, and mentions that resolve, in its words."""
    return _over_words(body, lambda text: inline_html(text, resolve_mention, tag_url))


def _over_words(body: str, replaced: Callable[[str], str]) -> str:
    """Each piece of text that stands in neither code nor a link, unescaped, is replaced by HTML."""
    parts: list[str] = []
    verbatim, end = 0, 0
    for match in _TAG.finditer(body):
        text = body[end : match.start()]
        parts += text if verbatim or not text else replaced(html.unescape(text)), match[0]
        end = match.end()
        if match[2] in _VERBATIM:
            verbatim += -1 if match[1] else 1
    rest = body[end:]
    parts.append(rest if verbatim or not rest else replaced(html.unescape(rest)))
    return "".join(parts)
