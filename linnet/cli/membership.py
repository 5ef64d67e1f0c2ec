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
    refuse_root,
    running_alone,
    serve_node,
)
from linnet.cli.ending import NOT_PERMITTED, TRY_AGAIN, UNAVAILABLE, Ending
from linnet.cluster import asking, certificates, joining, programs, tokens
from linnet.cluster.asking import Refused, Unreachable
from linnet.cluster.joining import Joiner
from linnet.cluster.layout import Folders, Standing
from linnet.cluster.node import read_node
from linnet.config import Config, period
from linnet.domain.errors import Invalid, NotFound
from linnet.system import SystemChance, SystemClock

LINE_SECONDS = 180.0
"""A change tells something more often than this."""


def join(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster join``. Raises Ending."""
    refuse_root()
    folders = prepared(config)
    with endings(), running_alone(folders):
        programs.find(folders.postgres)
        url, token = joining.control_url(chosen.url), tokens.read(chosen.token)
        me = member(chosen)
        joiner = Joiner(url, token, folders, me, config_bind(chosen.bind), chosen.origin or "", front(chosen))
        with _refusals():
            asyncio.run(joining.prepare(joiner, SystemClock(), SystemChance(), say))
        if chosen.prepare_only:
            print(f"`linnet cluster run --data {folders.data}` goes on with it.")
            return 0
        return serve_node(config, folders)


def say(sentence: str) -> None:
    """A line of progress, at once."""
    print(f"{sentence}.", flush=True)


def token(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster token``. Raises Ending."""
    answer = _ask(config, chosen, "/token", {"valid_ms": period(chosen.valid)})
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

    async def told(url: str, folders: Folders) -> None:
        async for sentence in asking.lines(url, path, body, certificates.asking(folders), LINE_SECONDS):
            say(sentence)

    folders = Folders(config.data)
    with endings(), _refusals(), _private(folders):
        asyncio.run(told(_url(folders, chosen), folders))
    return 0


def _ask(config: Config, chosen: argparse.Namespace, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    folders = Folders(config.data)
    with endings(), _refusals(), _private(folders):
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
def _private(folders: Folders) -> Iterator[None]:
    """Who may read the node's key may command it; nobody else."""
    try:
        yield
    except PermissionError:
        raise Ending(
            NOT_PERMITTED, f"{folders.cluster} is readable for the node's user alone: run this as that user."
        ) from None


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What another node says becomes the command's end."""
    try:
        yield
    except Refused as error:
        raise Ending(TRY_AGAIN if error.status == 503 else UNAVAILABLE, f"{error}.") from None
    except Unreachable as error:
        raise Ending(TRY_AGAIN, f"{error}.") from None
