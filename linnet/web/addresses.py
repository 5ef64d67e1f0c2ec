"""Addresses inside this site: where a form leads back to, and the links between pages of a list."""

import re
from urllib.parse import urlencode

from linnet.domain import ids
from linnet.domain.paging import HIGHEST_ID, Page
from linnet.http.request import Request

# A path of ours and nothing that a browser could read as another host: "//host", "/\host", control characters.
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_LONGEST = 2_000


def local(value: object, default: str = "/") -> str:
    """The address to go back to, if it is one of this site."""
    if isinstance(value, str) and len(value) <= _LONGEST and value.isascii() and _LOCAL.fullmatch(value):
        return value
    return default


def here(request: Request) -> str:
    """The address of this page, as a form on it sends it back."""
    query = f"?{request.query_string}" if request.query_string else ""
    return local(request.raw_path + query)


def with_query(path: str, **params: str | int | None) -> str:
    """``path`` with parameters; those that are None or empty are left out."""
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
    return f"{path}?{query}" if query else path


def anchored(path: str, anchor: str) -> str:
    """The same page, at the element with that id: without scripts, that is how a reader keeps their place."""
    return f"{path.partition('#')[0]}#{anchor}"


def page(request: Request, limit: int = 20) -> Page:
    """The part of a list that ``?older=`` and ``?newer=`` ask for; what is no id is as if not given."""
    query = request.query()

    def id_of(name: str) -> int | None:
        value = query.get(name)
        return ids.parse(value) if isinstance(value, str) else None

    newer, older = id_of("newer"), id_of("older")
    return Page(limit, older or HIGHEST_ID, newer or 0, forward=newer is not None)


def turns(request: Request, wanted: Page, cursors: tuple[int, ...], *, full: int = -1) -> tuple[str, str]:
    """The links to the newer and to the older page, '' where there is none.

    ``cursors`` stand in the page's order, the newest first; ``full`` is how many there were, where they are fewer.
    """
    if not cursors:
        return "", ""
    found = len(cursors) if full < 0 else full
    kept = {
        name: value
        for name, value in request.query().items()
        if name not in ("older", "newer") and isinstance(value, str)
    }
    paged = wanted.forward or wanted.max_id != HIGHEST_ID
    newer = with_query(request.path, **kept, newer=cursors[0]) if paged else ""
    older = with_query(request.path, **kept, older=cursors[-1]) if found >= wanted.limit or wanted.forward else ""
    return newer, older
