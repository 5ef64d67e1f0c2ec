"""Runs one command's work on an opened data directory, and turns what the rules refuse into the command's end."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from linnet import telemetry
from linnet.cli.ending import BAD_DATA, NOT_PERMITTED, NOT_THERE, TRY_AGAIN, Ending
from linnet.cli.opening import Opened, opened
from linnet.config import Config
from linnet.domain import errors
from linnet.storage.database import Operation

T = TypeVar("T")

_CODES: tuple[tuple[type[errors.LinnetError], int], ...] = (
    (errors.NotFound, NOT_THERE),
    (errors.NotAllowed, NOT_PERMITTED),
    (errors.Unavailable, TRY_AGAIN),
)


def on_data(config: Config, work: Callable[[Opened], Awaitable[T]]) -> T:
    """What ``work`` returns, given the parts of the data directory. Raises Ending."""
    os.umask(0o027)
    telemetry.set_up_logs(max(config.log_level, "warning", key=_LEVELS.index), config.log_format)

    async def run() -> T:
        async with opened(config) as parts:
            return await work(parts)

    try:
        return asyncio.run(run())
    except errors.Invalid as error:
        raise Ending(BAD_DATA, f"{error.field.replace('_', ' ')} {error.why}.") from None
    except errors.LinnetError as error:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), BAD_DATA)
        raise Ending(code, f"{error}.") from None


def once(parts: Opened) -> Operation:
    """A command's own receipt: it guards the engine's retries."""
    return Operation.once(parts.ids)


_LEVELS = ("debug", "info", "warning", "error")
