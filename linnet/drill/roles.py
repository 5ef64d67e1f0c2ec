"""Who is what in the cluster of a drill, asked of Patroni and etcd from outside, with a node's certificate."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiohttp

from linnet.cluster import certificates
from linnet.drill.processes import Node

ASK_SECONDS = 2.0
JOURNAL = b"/linnet/journal/entry/"
_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError)


class Roles(NamedTuple):
    """Names of nodes. ``streaming`` are PostgreSQL's replicas that follow, ``voters`` etcd's members that answer,
    ``serving`` the nodes whose /readyz says so. ``waiting`` are entries of the journal (None: nobody knows)."""

    primary: str | None = None
    leader: str | None = None
    streaming: tuple[str, ...] = ()
    voters: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    waiting: int | None = None

    def whole(self, nodes: int) -> bool:
        """Whether everything is as it is when nothing has happened."""
        return (
            self.primary is not None
            and self.leader is not None
            and len(self.streaming) == nodes - 1
            and len(self.voters) == nodes
            and len(self.serving) == nodes
            and self.waiting == 0
        )

    def lacking(self, nodes: int) -> str:
        """What is not as it should be, in a few words."""
        lacks = [
            ("no primary", self.primary is None),
            ("no leader of etcd", self.leader is None),
            (f"{len(self.streaming)} of {nodes - 1} replicas follow", len(self.streaming) < nodes - 1),
            (f"{len(self.voters)} of {nodes} members of etcd answer", len(self.voters) < nodes),
            (f"{len(self.serving)} of {nodes} nodes serve", len(self.serving) < nodes),
            (f"{self.waiting} posts wait in the journal", self.waiting != 0),
        ]
        return ", ".join(words for words, lacking in lacks if lacking) or "nothing lacks"


async def seen(nodes: Sequence[Node]) -> Roles:
    """What the nodes say now; whoever does not answer in two seconds says nothing."""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(_one(session, node) for node in nodes))
    lists = [answer[0] for answer in answers if answer[0]]
    # An orphan may still believe in an old list: the highest timeline of a leader is the newest word.
    members = max(lists, key=_timeline, default=[])
    return Roles(
        primary=next((one["name"] for one in members if one["role"] == "leader" and one["state"] == "running"), None),
        leader=next((answer[1] for answer in answers if answer[1]), None),
        streaming=tuple(sorted(one["name"] for one in members if one["state"] == "streaming")),
        voters=tuple(node.name for node, answer in zip(nodes, answers, strict=True) if answer[2]),
        serving=tuple(node.name for node, answer in zip(nodes, answers, strict=True) if answer[3]),
        waiting=next((answer[4] for answer in answers if answer[4] is not None), None),
    )


def _timeline(members: list[dict[str, Any]]) -> int:
    return max((int(one.get("timeline") or 0) for one in members if one["role"] == "leader"), default=0)


async def _one(session: aiohttp.ClientSession, node: Node) -> tuple[list[dict[str, Any]], str, bool, bool, int | None]:
    """Patroni's list, the node's name if it leads etcd, whether etcd answers, whether it serves, what waits."""
    try:
        context = certificates.asking(node.folders)
    except (OSError, ValueError):
        return [], "", False, False, None
    listed, status, ready, waiting = await asyncio.gather(
        _get(session, f"https://{node.host.address}:7003/cluster", context),
        _post(session, node, context, "/v3/maintenance/status", {}),
        _ready(session, node, context),
        _post(session, node, context, "/v3/kv/range", _JOURNAL_RANGE),
    )
    leads = node.name if status and status.get("leader") == status["header"]["member_id"] else ""
    count = int(waiting.get("count", "0")) if waiting else None
    return (listed or {}).get("members", []), leads, bool(waiting), ready, count


_JOURNAL_RANGE = {
    "key": base64.b64encode(JOURNAL).decode(),
    "range_end": base64.b64encode(JOURNAL[:-1] + b"0").decode(),
    "count_only": True,
}


async def _get(session: aiohttp.ClientSession, url: str, context: ssl.SSLContext) -> dict[str, Any] | None:
    with contextlib.suppress(*_ERRORS):
        async with session.get(url, ssl=context) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found
    return None


async def _post(
    session: aiohttp.ClientSession, node: Node, context: ssl.SSLContext, path: str, body: dict[str, Any]
) -> dict[str, Any] | None:
    with contextlib.suppress(*_ERRORS):
        async with session.post(f"https://{node.host.address}:7001{path}", json=body, ssl=context) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found if answer.status == 200 else None
    return None


async def _ready(session: aiohttp.ClientSession, node: Node, context: ssl.SSLContext) -> bool:
    # At the inner port, which leads to this node's own workers; at the public one, any node might answer.
    with contextlib.suppress(*_ERRORS):
        async with session.get(f"https://{node.host.address}:7005/readyz", ssl=context) as answer:
            return answer.status == 200
    return False


async def lead(nodes: Sequence[Node], name: str) -> bool:
    """Has etcd led by this node; whether it is now."""
    roles = await seen(nodes)
    by_name = {node.name: node for node in nodes}
    if roles.leader == name:
        return True
    if roles.leader is None:
        return False
    context = certificates.asking(by_name[name].folders)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        status = await _post(session, by_name[name], context, "/v3/maintenance/status", {})
        if status is None:
            return False
        target = {"targetID": status["header"]["member_id"]}
        moved = await _post(session, by_name[roles.leader], context, "/v3/maintenance/transfer-leadership", target)
    return moved is not None
