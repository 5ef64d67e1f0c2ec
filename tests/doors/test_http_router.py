"""Paths find their handlers, the closest one first, and no path leaves its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain.errors import Invalid
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.http.router import Match, Route, Router


async def handler(request: Request) -> Response:
    return Response(request.path.encode())


def router(*rows: str) -> Router:
    return Router(Route(method, pattern, handler) for method, _, pattern in (row.partition(" ") for row in rows))


ROUTER = router(
    "GET /",
    "GET /api/v1/statuses/:id",
    "DELETE /api/v1/statuses/:id",
    "POST /api/v1/statuses",
    "POST /api/v1/statuses/:status_id/favourite",
    "GET /api/v1/accounts/:id",
    "GET /api/v1/accounts/search",
    "PATCH /api/v1/accounts/update_credentials",
    "GET /api/v1/accounts/:id/statuses",
    "GET /@:name",
    "GET /@:name.rss",
    "GET /@:name/:id",
    "GET /:page",
    "GET /:page/edit",
    "GET /media/*path",
    "GET /media/special",
    "GET /media/special/:id",
    "HEAD /own/head",
    "GET /own/head",
)


def found(method: str, path: str) -> tuple[str, dict[str, str]] | frozenset[str] | None:
    match = ROUTER.match(method, path)
    return (match.pattern, match.segments) if isinstance(match, Match) else match


@pytest.mark.parametrize(
    ("method", "path", "pattern", "segments"),
    [
        ("GET", "/", "/", {}),
        ("GET", "/api/v1/statuses/12", "/api/v1/statuses/:id", {"id": "12"}),
        ("DELETE", "/api/v1/statuses/12", "/api/v1/statuses/:id", {"id": "12"}),
        ("GET", "/api/v1/statuses/12/", "/api/v1/statuses/:id", {"id": "12"}),
        ("POST", "/api/v1/statuses/", "/api/v1/statuses", {}),
        ("POST", "/api/v1/statuses/12/favourite", "/api/v1/statuses/:status_id/favourite", {"status_id": "12"}),
        ("GET", "/api/v1/accounts/search", "/api/v1/accounts/search", {}),
        ("GET", "/api/v1/accounts/update_credentials", "/api/v1/accounts/:id", {"id": "update_credentials"}),
        ("GET", "/api/v1/accounts/search/statuses", "/api/v1/accounts/:id/statuses", {"id": "search"}),
        ("GET", "/@ada", "/@:name", {"name": "ada"}),
        ("GET", "/%40ada", "/@:name", {"name": "ada"}),
        ("GET", "/@ada@example.com", "/@:name", {"name": "ada@example.com"}),
        ("GET", "/@ada.rss", "/@:name.rss", {"name": "ada"}),
        ("GET", "/@ada/12", "/@:name/:id", {"name": "ada", "id": "12"}),
        ("GET", "/@", "/:page", {"page": "@"}),
        ("GET", "/@ada/edit", "/@:name/:id", {"name": "ada", "id": "edit"}),
        ("GET", "//", "/", {}),
        ("GET", "/media/", "/:page", {"page": "media"}),
        ("GET", "/about", "/:page", {"page": "about"}),
        ("GET", "/about/edit", "/:page/edit", {"page": "about"}),
        ("GET", "/media/1/2/original.jpg", "/media/*path", {"path": "1/2/original.jpg"}),
        ("GET", "/media/special", "/media/special", {}),
        ("GET", "/media/special/1", "/media/special/:id", {"id": "1"}),
        ("GET", "/media/special/1/2", "/media/*path", {"path": "special/1/2"}),
        ("HEAD", "/api/v1/statuses/12", "/api/v1/statuses/:id", {"id": "12"}),
        ("HEAD", "/api/v1/accounts/search", "/api/v1/accounts/search", {}),
        ("GET", "/@%C3%A9t%C3%A9", "/@:name", {"name": "été"}),
        ("GET", "/@\u00e9", "/@:name", {"name": "é"}),
        ("GET", "/@a+b", "/@:name", {"name": "a+b"}),
        ("GET", "/@a%20b%25", "/@:name", {"name": "a b%"}),
        ("GET", "/@a..b", "/@:name", {"name": "a..b"}),
    ],
)
def test_the_closest_route_answers(method: str, path: str, pattern: str, segments: dict[str, str]) -> None:
    assert found(method, path) == (pattern, segments)


def test_a_route_of_its_own_wins_over_head_by_get() -> None:
    match = ROUTER.match("HEAD", "/own/head")
    assert isinstance(match, Match)
    assert match.route.method == "HEAD"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/statuses/12", {"GET", "HEAD", "DELETE"}),
        ("GET", "/api/v1/statuses/12/favourite", {"POST"}),
        ("HEAD", "/api/v1/statuses", {"POST"}),
        ("POST", "/api/v1/accounts/update_credentials", {"PATCH", "GET", "HEAD"}),
        ("POST", "/media/x", {"GET", "HEAD"}),
        ("get", "/", {"GET", "HEAD"}),
    ],
)
def test_another_method_names_those_there_are(method: str, path: str, allowed: set[str]) -> None:
    assert found(method, path) == frozenset(allowed)


@pytest.mark.parametrize(
    "path",
    ["", "*", "api/v1/statuses/12", "/api/v1", "/api/v1/statuses/12/nothing", "//api/v1/statuses/12",
     "/api//v1/statuses/12", "/api/v1/statuses//favourite", "/media//", "/a/b/c", "/API/v1/statuses/1",
     "http://other.example/about", "/" * 10_000, "/a" * 10_000],
)  # fmt: skip
def test_other_paths_are_unknown(path: str) -> None:
    assert found("GET", path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/media/../secret",
        "/media/./secret",
        "/media/%2e%2e/secret",
        "/media/%2E./secret",
        "/media/a/%2e",
        "/media/..",
        "/media/..%2fsecret",
        "/media/%2fetc%2fpasswd",
        "/media/a%2Fb",
        "/@a%00",
        "/@a\x00",
        "/@%zz",
        "/@%",
        "/@%ff",
        "/@%c0%ae%c0%ae",
        "/@%ed%a0%80",
        "/@\ufffd",
    ],
)
def test_paths_that_would_leave_their_place_are_refused(path: str) -> None:
    with pytest.raises(Invalid) as caught:
        ROUTER.match("GET", path)
    assert caught.value.field == "path"


@pytest.mark.parametrize(
    "rows",
    [
        ("GET /a", "GET /a"),
        ("GET /a/:id", "GET /a/:name"),
        ("GET /a/*x", "GET /a/*y"),
        ("GET /@:a", "GET /@:b"),
        ("GET a",),
        ("GET /a/",),
        ("GET /a/:x/:x",),
        ("GET /:a:b",),
        ("GET /*a/b",),
        ("GET /x*a",),
        ("GET /a/:",),
        ("GET /a/:Upper",),
    ],
)
def test_conflicting_or_malformed_routes_are_refused(rows: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"answer the same|a pattern begins|parameter|star"):
        router(*rows)


@given(
    st.lists(st.sampled_from(["api", "v1", "accounts", "search", ":x", "@:x", "y"]), min_size=1, max_size=4), st.data()
)
def test_the_straight_way_never_differs_from_the_full_search(parts: list[str], data: st.DataObject) -> None:
    """A route is always found by its own path, whatever else is in the table."""
    others = data.draw(
        st.lists(
            st.lists(st.sampled_from(["api", "v1", "search", ":x", "@:x", "y"]), min_size=1, max_size=4), max_size=8
        )
    )
    patterns = {"/" + "/".join(p.replace(":x", f":x{i}") for i, p in enumerate(row)) for row in [parts, *others]}
    table = Router(Route("GET", pattern, handler) for pattern in patterns)
    path = "/" + "/".join(part.replace(":x", "value") for part in parts)
    match = table.match("GET", path)
    assert isinstance(match, Match)
    # A route that is at least as close as ours was found: no fixed segment of ours stands for a parameter of it
    # before one of its own fixed segments has won.
    ranks = [[0 if p[0] not in ":@" else 1 if p[0] == "@" else 2 for p in row[1:].split("/")] for row in
             (match.pattern, "/" + "/".join(parts))]  # fmt: skip
    assert ranks[0] <= ranks[1]


@given(st.text(max_size=40).map(lambda text: "/" + text))
def test_any_path_is_matched_or_refused(path: str) -> None:
    try:
        assert isinstance(ROUTER.match("GET", path), Match | None)
    except Invalid:
        pass
