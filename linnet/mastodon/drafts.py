"""A status as clients hand it in."""

import re
from collections.abc import Mapping

from linnet.domain.edits import MediaChange, Revision
from linnet.domain.errors import Invalid
from linnet.domain.statuses import CONTENT_TYPES, Draft
from linnet.domain.views import Defaults, Identity
from linnet.domain.visibility import WORDS, Visibility
from linnet.mastodon import parsing, polls, quotes
from linnet.mastodon.parsing import Params

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def draft(params: Params, defaults: Defaults, author: Identity) -> Draft:
    """Of the parameters of POST /api/v1/statuses. Raises Invalid."""
    return Draft(
        text=parsing.text(params, "status"),
        spoiler=parsing.text(params, "spoiler_text"),
        visibility=visibility(params, defaults.visibility),
        in_reply_to_id=parsing.id_(params, "in_reply_to_id"),
        language=language(params) or defaults.language,
        sensitive=parsing.flag(params, "sensitive", defaults.sensitive),
        media_ids=parsing.id_list(params, "media_ids", 20),
        app_name=author.app_name,
        app_website=author.app_website,
        app_id=author.app_id,
        poll=polls.draft(params),
        content_type=content_type(params) or defaults.content_type,
        local_only=parsing.optional_flag(params, "local_only"),
        quoted_status_id=parsing.id_(params, "quoted_status_id"),
        quote_policy=defaults.quote_policy if (policy := quotes.policy(params)) is None else policy,
    )


def revision(params: Params) -> Revision:
    """Of the parameters of PUT /api/v1/statuses/:id. Raises Invalid."""
    return Revision(
        text=parsing.text(params, "status"),
        spoiler=parsing.text(params, "spoiler_text"),
        sensitive=parsing.flag(params, "sensitive"),
        language=language(params),
        media_ids=parsing.id_list(params, "media_ids", 20) if "media_ids" in params else None,
        media_changes=tuple(_media_change(item) for item in parsing.items(params, "media_attributes", 20)),
        poll=polls.draft(params),
        keeps_poll=False,
        content_type=content_type(params),
        quote_policy=quotes.policy(params),
    )


def content_type(params: Params, name: str = "content_type") -> str | None:
    """How the text is written, or None where nothing is said. Raises Invalid."""
    word = parsing.text(params, name)
    if word and word not in CONTENT_TYPES:
        raise Invalid(name, f"must be one of {', '.join(CONTENT_TYPES)}", "ERR_INCLUSION")
    return word or None


def _media_change(item: object) -> MediaChange:
    if not isinstance(item, Mapping):
        raise Invalid("media_attributes", "must be a list of objects")
    id = parsing.id_(item, "id")
    if id is None:
        raise Invalid("media_attributes", "names no id")
    return MediaChange(id, parsing.optional_text(item, "description"), focus(item))


def focus(params: Params) -> tuple[float, float] | None:
    """``x,y``, each from -1 to 1, or None."""
    text = parsing.text(params, "focus")
    if not text:
        return None
    parts = text.split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise Invalid("focus", "must be two numbers with a comma between them") from None
    if not (-1 <= x <= 1 and -1 <= y <= 1):
        raise Invalid("focus", "must lie between -1 and 1")
    return x, y


def visibility(params: Params, default: Visibility) -> Visibility:
    word = parsing.text(params, "visibility")
    if not word:
        return default
    found = Visibility.parse(word)
    if found is None:
        raise Invalid("visibility", f"must be one of {', '.join(WORDS)}", "ERR_INCLUSION")
    return found


def language(params: Params, name: str = "language") -> str | None:
    """An ISO 639 code in lower case with what follows it (``zh-CN``), or None. Raises Invalid."""
    main, separator, rest = parsing.text(params, name).strip().replace("_", "-").partition("-")
    code = f"{main.lower()}{separator}{rest}"
    if not code:
        return None
    if not _LANGUAGE.fullmatch(code):
        raise Invalid(name, "is not an ISO 639 language code")
    return code
