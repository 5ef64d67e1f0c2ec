"""Keeps every background task by name: none is lost, none fails in silence, all end at shutdown."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from linnet.telemetry import log


class Tasks:
    """The tasks of one process. A task that fails is reported in one sentence; ``close`` ends all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def forever(self, name: str, turn: Callable[[], Coroutine[Any, Any, Any]], pause_s: float = 1.0) -> None:
        """Runs ``turn`` again and again; after a failure says so and goes on after ``pause_s`` seconds."""
        while True:
            try:
                await turn()
            except Exception as error:  # boundary: a background loop outlives whatever one of its turns meets
                log.error("background_failed", task=name, error=repr(error), done=f"trying again in {pause_s} s")
                await asyncio.sleep(pause_s)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", task=task.get_name(), error=repr(error), done="the task has ended")
