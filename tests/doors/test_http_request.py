"""A request's headers, cookies, body and parameters; what is too big, too late or malformed is refused."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain.errors import Invalid, TooLarge
from linnet.http.request import Disconnected, Request, Upload
from tests.support.asgi import Headers, http_scope, messages

FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=XX")


def make(
    body: bytes | Iterable[bytes] = b"",
    headers: Headers = (),
    target: str = "/",
    method: str = "POST",
    end: str = "complete",
) -> Request:
    return Request(http_scope(method, target, headers), messages(body, end=end))


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


END = b"--XX--\r\n"


def test_headers_are_found_in_any_case_and_joined() -> None:
    seen = make(
        headers=[("Accept", "a"), ("ACCEPT", "b"), ("X-Latin", "caf\xe9"), ("Cookie", "a=1"), ("cookie", "b=2")]
    )
    assert (seen.header("accept"), seen.header("Accept"), seen.header("x-latin")) == ("a, b", "a, b", "caf\xe9")
    assert (seen.header("missing"), seen.header("\u2028")) == (None, None)
    assert (seen.cookie("a"), seen.cookie("b"), seen.cookie("c")) == ("1", "2", None)


def test_a_header_bomb_is_only_read() -> None:
    seen = make(headers=[(f"x-{n}", "v" * 100) for n in range(20_000)] + [("x-1", "w")] * 1000)
    assert seen.header("x-19999") == "v" * 100


def test_cookies() -> None:
    seen = make(headers=[("cookie", 'session="abc=="; session=later; broken; =empty; x = y ; q=')])
    assert [seen.cookie(name) for name in ("session", "broken", "x", "q")] == ["abc==", None, "y", ""]


def test_the_path_is_decoded_for_people() -> None:
    seen = make(target="/@%C3%A9t%C3%A9?x=1")
    assert (seen.path, seen.raw_path, seen.query_string) == ("/@été", "/@%C3%A9t%C3%A9", "x=1")
    assert Request(http_scope("GET", b"/\xff"), messages(b"")).path == "/\ufffd"


async def test_the_body_is_read_once_and_remembered() -> None:
    seen = make([b"ab", b"", b"cd"])
    assert await seen.body() == b"abcd"
    assert await seen.body(4) == b"abcd"
    with pytest.raises(TooLarge):
        await seen.body(3)


@pytest.mark.parametrize("headers", [[], [("content-length", "5")], [("content-length", "9" * 5000)]])
async def test_a_body_beyond_the_limit_is_refused(headers: Headers) -> None:
    with pytest.raises(TooLarge):
        await make([b"abc", b"de"], headers).body(4)


async def test_an_announced_excess_is_refused_unread() -> None:
    def never() -> Any:
        raise AssertionError("was read")

    with pytest.raises(TooLarge):
        await Request(http_scope("POST", "/", [("content-length", "2000000")]), never).body()


@pytest.mark.parametrize("length", ["-1", "abc", "1, 1", "\xb2", "0x10"])
async def test_a_nonsensical_length_does_not_matter(length: str) -> None:
    assert await make(b"abc", [("content-length", length)]).body() == b"abc"


async def test_a_body_without_end_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    with pytest.raises(TooLarge):
        await Request(http_scope("POST", "/"), receive).body()


class Hours:
    """The event loop's time, which ``go`` lets pass at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self.ahead = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + self.ahead)

    async def go(self, seconds: float) -> None:
        self.ahead += seconds
        for _ in range(3):
            await asyncio.sleep(0)


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(monkeypatch)

    async def receive() -> dict[str, Any]:
        await hours.go(31)
        return {"type": "http.request", "body": b"late", "more_body": False}

    with pytest.raises(Invalid) as caught:
        await Request(http_scope("POST", "/"), receive).body()
    assert (caught.value.field, caught.value.why) == ("body", "did not arrive in time")


async def test_bytes_that_trickle_are_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep a request open for ever."""
    hours, arrived = Hours(monkeypatch), 0

    async def receive() -> dict[str, Any]:
        nonlocal arrived
        arrived += 1
        assert arrived < 100, "still waiting"
        await hours.go(1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(Invalid):
        await Request(http_scope("POST", "/"), receive).body()
    assert 25 < arrived < 35


async def test_a_slow_line_that_keeps_going_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    hours, left = Hours(monkeypatch), 40

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        await hours.go(1)
        return {"type": "http.request", "body": b"x" * 20_000, "more_body": left > 0}

    assert len(await Request(http_scope("POST", "/"), receive).body()) == 800_000
    assert hours.ahead == 40


@pytest.mark.parametrize("method", ["body", "params"])
async def test_a_client_that_leaves_is_noticed(method: str) -> None:
    with pytest.raises(Disconnected):
        await getattr(make(b"status=1", [FORM], end="gone"), method)()


async def test_forms_json_and_queries_are_merged() -> None:
    assert await make(b"a=2&b[c]=3", [FORM], "/?a=1&d=4").params() == {"a": "2", "b": {"c": "3"}, "d": "4"}
    assert await make(b'{"a": 2}', [JSON], "/?a=1&d=4").params() == {"a": 2, "d": "4"}
    assert await make(b"{}", [("content-type", "application/activity+json; charset=UTF-8")]).params() == {}
    assert await make(b"a=1").params() == {"a": "1"}
    assert await make(b"", [("content-type", "text/plain")]).params() == {}
    seen = make(b"a=1", [FORM])
    assert await seen.params() is await seen.params()
    assert await seen.body() == b"a=1"


async def test_a_get_reads_no_body_that_is_not_announced() -> None:
    async def never() -> dict[str, Any]:
        raise AssertionError("was read")

    assert await Request(http_scope("GET", "/?a=1"), never).params() == {"a": "1"}
    assert await make(b"b=2", [FORM, ("content-length", "3")], "/?a=1", "GET").params() == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<xml/>", "text/xml"),
        (b"x", "text/plain;charset=UTF-8"),
        (b"x", "nonsense"),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"{}", 'application/json; charset="latin-1"'),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary="),
        (b"x", "multipart/form-data; boundary=" + "b" * 300),
        (b"x", "multipart/form-data; boundary=\xff"),
        (b"x", "multipart/mixed; boundary=XX"),
        (b"", "multipart/form-data; boundary=XX"),
        (b"no boundary at all", "multipart/form-data; boundary=XX"),
        (part("a", b"1") + END, "multipart/form-data; boundary=YY"),
        (part("a", b"1"), "multipart/form-data; boundary=XX"),  # never ends
        (part("a", b"1")[:-6], "multipart/form-data; boundary=XX"),
        (b"--XX\r\n\r\nno name\r\n" + END, "multipart/form-data; boundary=XX"),
        (b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, "multipart/form-data; boundary=XX"),
        (b'--XX\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n' + END, "multipart/form-data; boundary=XX"),
        (b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n' + END, "multipart/form-data; boundary=XX"),
        (b'--XX\r\nContent-Disposition: form-data; name="a\0"\r\n\r\nx\r\n' + END, "multipart/form-data; boundary=XX"),
        (b"--XX\r\n" + b"X-A: 1\r\n" * 17 + b"\r\nx\r\n" + END, "multipart/form-data; boundary=XX"),
        (b"--XX\r\nX-A: " + b"a" * 5000 + b"\r\n\r\nx\r\n" + END, "multipart/form-data; boundary=XX"),
        (b"--XX\r\nbroken header\r\n\r\nx\r\n" + END, "multipart/form-data; boundary=XX"),
    ],
)
async def test_bodies_that_cannot_be_read_blame_the_body(body: bytes, kind: str) -> None:
    with pytest.raises(Invalid) as caught:
        await make(body, [("content-type", kind)]).params()
    assert caught.value.field == "body"


async def test_multipart_forms_with_files() -> None:
    body = (
        part("description", "Ein Vögelchen".encode())
        + part("focus[x]", b"0.5")
        + part("file", b"\x89PNG\r\n--X\r\n\0", '; filename="b\u00e4r.png"\r\nContent-Type: image/png')
        + part("none", b"", '; filename=""')
        + part("empty", b"", '; filename="empty.txt"')
        + END
    )
    expected = {
        "description": "Ein Vögelchen",
        "focus": {"x": "0.5"},
        "file": Upload("bär.png", "image/png", b"\x89PNG\r\n--X\r\n\0"),
        "empty": Upload("empty.txt", "application/octet-stream", b""),
        "q": "1",
    }
    assert await make(body, [MULTIPART], "/?q=1").params() == expected
    # However the network cuts it up.
    for size in (1, 2, 3, 7, 64):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert await make(pieces, [MULTIPART], "/?q=1").params() == expected


@pytest.mark.parametrize(("value", "field"), [(b"\xff", "status"), (b"a\0b", "status"), (b"\xed\xa0\x80", "status")])
async def test_multipart_values_are_text(value: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await make(part("status", value) + END, [MULTIPART]).params()
    assert caught.value.field == field


async def test_multipart_bounds() -> None:
    file = '; filename="a"'
    fits = make(part("a", b"x" * 100) + part("b", b"y" * 1000, file) + END, [MULTIPART])
    fits.body_max, fits.upload_max = 100, 1000
    assert len(await fits.params()) == 2
    for body in (
        part("a", b"x" * 101) + END,
        part("a", b"x" * 60) + part("b", b"x" * 60) + END,
        part("b", b"y" * 1001, file) + END,
        part("b", b"y" * 501, file) + part("c", b"y" * 501, file) + END,
    ):
        seen = make(body, [MULTIPART])
        seen.body_max, seen.upload_max = 100, 1000
        with pytest.raises(TooLarge):
            await seen.params()
    with pytest.raises(TooLarge):
        await make(b"".join(part(f"a{n}", b"") for n in range(101)) + END, [MULTIPART]).params()
    assert len(await make(b"".join(part(f"a{n}", b"") for n in range(100)) + END, [MULTIPART]).params()) == 100


async def test_multipart_without_end_is_cut_off() -> None:
    begun = part("file", b"", '; filename="a"')[:-2]
    arrived = 0

    async def receive() -> dict[str, Any]:
        nonlocal arrived
        arrived += 1
        return {"type": "http.request", "body": begun if arrived == 1 else b"x" * 65536, "more_body": True}

    with pytest.raises(TooLarge):
        await Request(http_scope("POST", "/", [MULTIPART]), receive).params()
    assert arrived < 300


@given(st.binary(max_size=300), st.sampled_from(["--XX\r\n", "Content-Disposition: form-data; name=a\r\n\r\n", ""]))
async def test_any_multipart_body_is_read_or_refused(noise: bytes, before: str) -> None:
    for body in (b"--XX\r\n" + before.encode() + noise + b"\r\n" + END, before.encode() + noise):
        try:
            assert isinstance(await make([body], [MULTIPART]).params(), dict)
        except (Invalid, TooLarge):
            pass


@given(st.text(max_size=80))
async def test_any_content_type_is_understood_or_refused(kind: str) -> None:
    header = ("content-type", kind.encode("utf-8", "replace").decode("latin-1"))
    for prefix in ("", "multipart/form-data; boundary="):
        try:
            assert isinstance(await make(b"--x", [("content-type", prefix + header[1])]).params(), dict)
        except (Invalid, TooLarge):
            pass
