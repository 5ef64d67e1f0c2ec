"""A WebSocket client of a real server that comes back where it was, whatever happens to the connection."""

import contextlib
import json
import threading
import time
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


class Listener:
    """Listens to ``user`` in a thread of its own until the end of the ``with`` block, and applies what it hears.

    ``state`` is the home timeline as the stream tells it (id -> content), ``heard`` each event in its order.
    """

    def __init__(self, port: int, token: str) -> None:
        self._url = f"ws://127.0.0.1:{port}/api/v1/streaming?stream=user&access_token={token}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.listening = threading.Event()
        self.position = ""
        self.heard: list[tuple[str, str]] = []
        self.state: dict[str, str] = {}
        self.connections = 0
        self.failure: Exception | None = None

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError, WebSocketException):
                self._listen()
            time.sleep(0.02)

    def _listen(self) -> None:
        with connect(f"{self._url}&position={self.position}", open_timeout=5, close_timeout=1) as socket:
            self.connections += 1
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    self._apply(json.loads(socket.recv(0.1)))

    def _apply(self, message: dict[str, Any]) -> None:
        name, payload = message["event"], json.loads(message["payload"])
        self.position = message["position"]
        if name == "stream.begun":
            self.listening.set()
        elif name == "delete":
            self.heard.append((name, str(payload)))
            self.state.pop(str(payload), None)
        elif name in ("update", "status.update"):
            self.heard.append((name, payload["id"]))
            if name == "update" or payload["id"] in self.state:
                self.state[payload["id"]] = payload["content"]
        elif name == "stream.reset":
            self.failure = AssertionError("the log does not reach back")
