"""``linnet cluster token|join|switchover|drain|undrain|leave|remove``: who belongs to a cluster, and who does what."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from linnet.cli.cluster import (
    config_bind,
    endings,
    front,
    member,
    prepared,
    private,
    refuse_root,
    running_alone,
    serve_node,
)
from linnet.cli.ending import TRY_AGAIN, UNAVAILABLE, USAGE, Ending
from linnet.cluster import asking, certificates, joining, programs, tokens
from linnet.cluster.asking import Refused, Unreachable
from linnet.cluster.joining import Joiner
from linnet.cluster.layout import Folders, Standing
from linnet.cluster.node import read_node
from linnet.config import Config, period
from linnet.config import Refused as BadOption
from linnet.domain.errors import Invalid, NotFound
from linnet.ports import Clock
from linnet.system import SystemChance, SystemClock

LINE_SECONDS = 180.0
"""A change tells something more often than this."""
START_SECONDS = 15.0
"""A node that has just been started listens after less than this."""


def join(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster join``. Raises Ending."""
    refuse_root()
    folders = prepared(config)
    with endings(), running_alone(folders):
        programs.find(folders.postgres)
        shown = sys.stdin.readline() if chosen.token == "-" else chosen.token
        url, token = joining.control_url(chosen.url), tokens.read(shown)
        me = member(chosen)
        joiner = Joiner(url, token, folders, me, config_bind(chosen.bind), chosen.origin or "", front(chosen))
        with _refusals():
            asyncio.run(joining.prepare(joiner, SystemClock(), SystemChance(), say))
        if chosen.prepare_only:
            print(f"`linnet cluster run --data {folders.data}` goes on with it.")
            return 0
        return serve_node(folders)


def say(sentence: str) -> None:
    """A line of progress, at once."""
    print(f"{sentence}.", flush=True)


def token(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster token``. Raises Ending."""
    if chosen.revoke:
        count = _ask(config, chosen, "/revoke", {})["revoked"]
        print(f"{count} {'token that was' if count == 1 else 'tokens that were'} not used yet will let nobody in.")
        return 0
    try:
        valid_ms = period(chosen.valid)
    except BadOption as error:
        raise Ending(USAGE, f"--valid {chosen.valid} is refused: {error}.") from None
    answer = _ask(config, chosen, "/token", {"valid_ms": valid_ms})
    if not chosen.quiet:
        print(f"Good for one machine, for {chosen.valid}. There, as an ordinary user:", file=sys.stderr)
    print(answer["token"] if chosen.quiet else f"linnet cluster join {answer['url']} --token {answer['token']}")
    return 0


def switchover(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster switchover``. Raises Ending."""
    return _change(config, chosen, "/switchover", {"to": chosen.to or ""})


def drain(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster drain``. Raises Ending."""
    return _change(config, chosen, "/drain", {})


def undrain(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster undrain``. Raises Ending."""
    return _change(config, chosen, "/undrain", {})


def leave(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster leave``. Raises Ending."""
    return _change(config, chosen, "/leave", {"sure": chosen.yes})


def remove(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster remove``. Raises Ending."""
    return _change(config, chosen, "/remove", {"name": chosen.member, "sure": chosen.yes})


# -- asking the node --------------------------------------------------------------------------------------------------


def _change(config: Config, chosen: argparse.Namespace, path: str, body: Mapping[str, Any]) -> int:
    """Asks for a change, and shows what is told until it is done."""

    folders = Folders(config.data)
    with endings(), _refusals(), private(folders):
        asyncio.run(_told(_url(folders, chosen), path, body, folders, SystemClock()))
    return 0


async def _told(url: str, path: str, body: Mapping[str, Any], folders: Folders, clock: Clock) -> None:
    """Says what is told. Where nobody listens, nothing was asked: `systemctl restart` returns before a node does."""
    deadline = clock.monotonic() + START_SECONDS
    while True:
        try:
            async for sentence in asking.lines(url, path, body, certificates.asking(folders), LINE_SECONDS):
                say(sentence)
        except Unreachable as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                raise
            if clock.monotonic() >= deadline:
                raise Unreachable(f"{error}: start the node there with `linnet cluster run`") from error
            await clock.sleep(0.5)
        else:
            return


def _ask(config: Config, chosen: argparse.Namespace, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    folders = Folders(config.data)
    with endings(), _refusals(), private(folders):
        return asyncio.run(asking.ask(_url(folders, chosen), path, body, certificates.asking(folders)))


def _url(folders: Folders, chosen: argparse.Namespace) -> str:
    """Of this machine's node, or of the one that was named. Raises NotFound."""
    me = read_node(folders).me
    wanted = getattr(chosen, "node", None)
    if not wanted or wanted == me.name:
        return me.control_url
    with contextlib.suppress(OSError, Invalid):
        for line in folders.members.read_text("utf-8").splitlines():
            one = Standing.from_json(line)
            if one.name == wanted:
                return one.member.control_url
    raise NotFound(f"There is no member {wanted}; `linnet cluster status` shows them")


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What another node says becomes the command's end."""
    try:
        yield
    except Refused as error:
        raise Ending(TRY_AGAIN if error.status == 503 else UNAVAILABLE, f"{error}.") from None
    except Unreachable as error:
        raise Ending(TRY_AGAIN, f"{error}.") from None
