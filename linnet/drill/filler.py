"""Fills etcd as far as the journal may fill it, and empties it again."""

import base64
from collections.abc import Sequence
from typing import Any

import aiohttp

from linnet.cluster import certificates
from linnet.drill.processes import Node

PREFIX = "/linnet/drill/filler/"
PIECE_BYTES = 1 << 20
PIECES = 260
"""A quarter of etcd's quota, and a little."""


async def fill(node: Node) -> None:
    value = base64.b64encode(bytes(PIECE_BYTES)).decode()
    async with _Gateway(node) as gateway:
        for number in range(PIECES):
            await gateway.ask("/v3/kv/put", {"key": _encoded(f"{PREFIX}{number:06d}"), "value": value})


async def empty(nodes: Sequence[Node]) -> None:
    """Deletes, compacts and defragments: what is deleted takes room until then."""
    async with _Gateway(nodes[0]) as gateway:
        gone = await gateway.ask(
            "/v3/kv/deleterange", {"key": _encoded(PREFIX), "range_end": _encoded(PREFIX[:-1] + "0")}
        )
        await gateway.ask("/v3/kv/compaction", {"revision": gone["header"]["revision"], "physical": True})
    for node in nodes:
        async with _Gateway(node) as gateway:
            await gateway.ask("/v3/maintenance/defragment", {})


class _Gateway:
    def __init__(self, node: Node) -> None:
        self._url = f"https://{node.host.address}:7001"
        self._context = certificates.asking(node.folders)

    async def __aenter__(self) -> "_Gateway":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(self._url + path, json=body, ssl=self._context) as answer:
            answer.raise_for_status()
            return await answer.json(content_type=None)


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
