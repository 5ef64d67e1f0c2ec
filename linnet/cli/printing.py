"""What commands print: tables for people, JSON for programs, and progress that is only shown to somebody who looks."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what stands in them; nothing but the headings where there are no rows."""
    lines = [list(headings), *([_shown(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def as_json(value: Any) -> None:
    """Ids as text, as in the API: JavaScript and jq would round them."""
    print(msgspec.json.format(msgspec.json.encode(_with_text_ids(msgspec.to_builtins(value))), indent=2).decode())


def day(ms: int | None) -> str:
    """``2026-11-21 09:30`` in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M") if ms else ""


class Progress:
    """A bar on standard error, where that is a terminal; ``done`` ends its line."""

    WIDTH = 30

    def __init__(self, says: str, total: int) -> None:
        self._says = says
        self._total = total
        self._so_far = 0
        self._shown = -1
        self._visible = sys.stderr.isatty()

    def of(self, total: int) -> None:
        """What is known of the total by now."""
        self._total = total

    def add(self, more: int = 1) -> None:
        self._so_far += more
        part = min(1.0, self._so_far / self._total) if self._total else 1.0
        if self._visible and int(part * 1000) != self._shown:
            self._shown = int(part * 1000)
            filled = int(part * self.WIDTH)
            bar = "█" * filled + "░" * (self.WIDTH - filled)
            print(f"\r{self._says} {bar} {part:4.0%}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._visible:
            print("\r" + " " * (len(self._says) + self.WIDTH + 7) + "\r", end="", file=sys.stderr, flush=True)


def _shown(value: Any) -> str:
    return plain("" if value is None else str(value))


def plain(text: str) -> str:
    """On one line, and nothing that a terminal would obey."""
    # A name or an address cannot carry control characters; a job's error can, and a terminal would obey them.
    return "".join(character if character.isprintable() else "·" for character in text)


def _with_text_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: str(item) if key == "id" or key.endswith("_id") else _with_text_ids(item)
            for key, item in value.items()
        }
    return [_with_text_ids(item) for item in value] if isinstance(value, list | tuple) else value
