"""Lists of accounts as the client API's parameters and JSON."""

from typing import Any

from linnet.domain.lists import ListChanges
from linnet.domain.views import ListView
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params


def one(view: ListView) -> dict[str, Any]:
    """A List."""
    return {
        "id": str(view.id),
        "title": view.title,
        "replies_policy": view.replies_policy,
        "exclusive": bool(view.exclusive),
    }


def changes(params: Params) -> ListChanges:
    """Of POST /api/v1/lists and PUT /api/v1/lists/:id. Raises Invalid."""
    return ListChanges(
        parsing.optional_text(params, "title"),
        parsing.optional_text(params, "replies_policy") or None,
        parsing.optional_flag(params, "exclusive"),
    )
