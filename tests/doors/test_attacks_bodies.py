"""Bodies that would fill our memory: files for who takes none, and pictures from who may send none."""

from typing import Any

import pytest

from linnet.http.request import Message
from linnet.http.server import Application
from linnet.routes import ROUTES
from linnet.web.door import ANYBODY
from linnet.web.routes import PAGES
from tests.support.asgi import http_scope
from tests.support.client import World

PIECE = b"x" * 65_536
PIECES = 64
HEAD = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'


async def flooded(application: Application, method: str, target: str, **headers: str) -> tuple[int, int]:
    """The answer's status, and how many pieces of a file of 4 MiB were taken before it."""
    taken, status = 0, 0
    given = {"content-type": "multipart/form-data; boundary=edge", "transfer-encoding": "chunked"} | headers

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        body = HEAD if taken == 1 else PIECE if taken <= PIECES else b"\r\n--edge--\r\n"
        return {"type": "http.request", "body": body, "more_body": taken <= PIECES}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await application(http_scope(method, target, tuple(given.items())), receive, send)
    return status, taken


def filled(pattern: str) -> str:
    return "/".join("1" if part.startswith(":") else part for part in pattern.split("/"))


async def test_only_what_takes_pictures_reads_files(world: World):
    alice = await world.person("alice")
    read = set()
    for row in ROUTES:
        if row.method not in ("GET", "DELETE"):
            path = filled(row.pattern)
            _, taken = await flooded(world.application, row.method, path, authorization=f"Bearer {alice.token}")
            if taken > 2:
                read.add((row.method, row.pattern))
    assert read == {(row.method, row.pattern) for row in ROUTES if row.files}
    assert read == {
        ("POST", "/api/v1/media"), ("POST", "/api/v2/media"), ("PATCH", "/api/v1/accounts/update_credentials"),
        ("PATCH", "/api/v1/profile"), ("PUT", "/api/v1/media/:id"),
    }  # fmt: skip


@pytest.mark.parametrize("page", [row for row in PAGES if row.method == "POST"], ids=lambda row: row.pattern)
async def test_nothing_is_read_of_a_strangers_pictures(world: World, page: Any):
    path = page.pattern.replace(":name", "ada").replace(":deed", "follow").replace(":mark", "pin").replace(":id", "1")
    status, taken = await flooded(world.application, "POST", path)
    assert (status, taken) == ((413, 2) if page.admits == ANYBODY else (303, 0))
