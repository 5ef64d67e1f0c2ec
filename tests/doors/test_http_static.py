"""Static files: lasting addresses, compressed where it helps, and nothing outside the folder."""

import gzip
from pathlib import Path

import pytest

from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.http.router import Router
from linnet.http.server import Application
from linnet.http.static import StaticFiles
from tests.support.asgi import ask

STYLE = b"body { color: #123456 }\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "static" / "icons").mkdir(parents=True)
    (tmp_path / "static" / "style.css").write_bytes(STYLE)
    (tmp_path / "static" / "icons" / "star.svg").write_bytes(b"<svg/>")
    (tmp_path / "static" / "logo.png").write_bytes(bytes(range(256)))
    (tmp_path / "static" / "__init__.py").write_bytes(b"")
    (tmp_path / "static" / ".hidden").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "static"


def application(files: StaticFiles) -> Application:
    def on_error(request: Request, error: Exception) -> Response:
        return json(
            {}, 404 if isinstance(error, errors.NotFound) else 422 if isinstance(error, errors.Invalid) else 500
        )

    return Application(Router(files.routes()), on_error=on_error)


async def test_files_may_be_kept_for_ever(folder: Path) -> None:
    files = StaticFiles(folder)
    answer = await ask(application(files), "GET", files.url("style.css"))
    assert (answer.status, answer.body) == (200, STYLE)
    assert answer.header("content-type") == "text/css; charset=utf-8"
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert (await ask(application(files), "GET", files.url("icons/star.svg"))).header("content-type") == "image/svg+xml"


async def test_the_address_changes_with_the_content_and_only_with_it(folder: Path) -> None:
    before = StaticFiles(folder)
    assert StaticFiles(folder).url("style.css") == before.url("style.css")
    (folder / "style.css").write_bytes(b"body {}")
    after = StaticFiles(folder)
    assert after.url("style.css") != before.url("style.css")
    # A page of the version before still gets its style, but does not keep it.
    answer = await ask(application(after), "GET", before.url("style.css"))
    assert (answer.status, answer.body, answer.header("cache-control")) == (200, b"body {}", "no-cache")


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip", True), ("br;q=1, GZIP;q=0.5", True), ("*", True), ("", False), ("br", False), ("gzip;q=0", False),
     ("gzip; q=0.0", False), ("x-gzip-not", False)],
)  # fmt: skip
async def test_compressed_for_who_takes_it(folder: Path, accepts: str, packed: bool) -> None:
    files = StaticFiles(folder)
    answer = await ask(application(files), "GET", files.url("style.css"), [("accept-encoding", accepts)])
    assert answer.header("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body) == STYLE
    assert answer.header("vary") == "Accept-Encoding"
    picture = await ask(application(files), "GET", files.url("logo.png"), [("accept-encoding", accepts)])
    assert (picture.header("content-encoding"), picture.body) == (None, bytes(range(256)))


async def test_who_has_it_already_is_told_so(folder: Path) -> None:
    files = StaticFiles(folder)
    etag = (await ask(application(files), "GET", files.url("style.css"))).header("etag")
    answer = await ask(application(files), "GET", files.url("style.css"), [("if-none-match", f'"x", {etag}')])
    assert (answer.status, answer.body, answer.header("etag"), answer.header("content-length")) == (
        304,
        b"",
        etag,
        None,
    )


@pytest.mark.parametrize(
    ("name", "status"),
    [("none.css", 404), ("icons", 404), ("__init__.py", 404), (".hidden", 404), ("STYLE.CSS", 404), ("../secret", 422),
     ("%2e%2e/secret", 422), ("..%2fsecret", 422), ("icons/../style.css", 422), ("style.css%00", 422)],
)  # fmt: skip
async def test_nothing_else_is_served(folder: Path, name: str, status: int) -> None:
    files = StaticFiles(folder)
    version = files.url("style.css").split("/")[2]
    assert (await ask(application(files), "GET", f"/static/{version}/{name}")).status == status


def test_an_unknown_name_is_a_mistake_of_ours(folder: Path) -> None:
    with pytest.raises(KeyError, match=r"none\.css"):
        StaticFiles(folder).url("none.css")
