"""What a drill shows while it runs: figures that stay in place on a terminal, plain lines now and then elsewhere."""

import shutil
from typing import TextIO
from urllib.parse import urlsplit

from linnet.drill.live import Figures
from linnet.ports import Clock
from linnet.system import SystemClock

PLAIN_SECONDS = 10.0
"""Where nobody can look at what moves, figures are said so often."""
_CLEAR_LINE, _UP = "\x1b[2K", "\x1b[{}A"
_BOLD, _SOFT, _BAD, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
QUIET_SECONDS = 0.5


class Screen:
    """Sentences scroll by; figures are drawn over themselves below them."""

    def __init__(self, out: TextIO, clock: Clock | None = None, live: bool | None = None) -> None:
        self._out = out
        self._clock = clock or SystemClock()
        self._live = out.isatty() if live is None else live
        self._drawn: list[str] = []
        self._said_at: float | None = None

    def say(self, sentence: str) -> None:
        """One sentence (or a table) that stays."""
        self._erase()
        self._write(sentence.rstrip() + "\n")
        self._draw(self._drawn)

    def show(self, figures: Figures, title: str) -> None:
        """How the load stands now."""
        if self._live:
            self._erase()
            self._draw(lines(figures, title))
            return
        now = self._clock.monotonic()
        if self._said_at is None:
            self._said_at = now
        elif now - self._said_at >= PLAIN_SECONDS:
            self._said_at = now
            self._write(f"{title}: {sentence(figures)}\n")

    def close(self) -> None:
        """The last figures stay where they are."""
        self._drawn = []
        self._out.flush()

    def clear(self) -> None:
        """The figures go: what they were about is over."""
        self._erase()
        self._drawn = []

    def _erase(self) -> None:
        if self._live and self._drawn:
            self._write(f"{_UP.format(len(self._drawn))}\r" + f"{_CLEAR_LINE}\n" * len(self._drawn))
            self._write(_UP.format(len(self._drawn)))

    def _draw(self, drawn: list[str]) -> None:
        self._drawn = drawn
        if self._live and drawn:
            width = shutil.get_terminal_size().columns
            self._write("".join(f"{_fitted(line, width)}\n" for line in drawn))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def lines(figures: Figures, title: str) -> list[str]:
    """The table that a terminal shows."""
    bad = _BAD if figures.failed else ""
    found = [
        f"{_BOLD}{title}{_PLAIN}{_SOFT}  second {figures.seconds:.0f}, processors {figures.cpu:.0%}{_PLAIN}",
        f"{_SOFT}         a second       in all   slowest 1 %{_PLAIN}",
        f"posts   {figures.posts_a_second:>9.1f}  {figures.posts:>11,}  {_ms(figures.post_p99):>12}",
        f"reads   {figures.reads_a_second:>9.1f}  {figures.reads:>11,}  {_ms(figures.read_p99):>12}",
        f"asked again {figures.tried_again:,}, under way {figures.under_way:,}, "
        f"{bad}failed for the client {figures.failed:,}{_PLAIN if bad else ''}",
    ]
    quiet = [
        f"{_BAD if seconds > QUIET_SECONDS else ''}{urlsplit(endpoint).netloc} {seconds:.1f} s{_PLAIN}"
        for endpoint, seconds in figures.quiet.items()
    ]
    return [*found, f"{_SOFT}since the last acknowledged post:{_PLAIN} {', '.join(quiet)}"]


def sentence(figures: Figures) -> str:
    """The same in a line."""
    return (
        f"second {figures.seconds:.0f}, {figures.posts:,} posts and {figures.reads:,} reads "
        f"({figures.posts_a_second:.0f} and {figures.reads_a_second:.0f} a second), "
        f"{figures.tried_again:,} asked again, {figures.failed:,} failed"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _fitted(line: str, width: int) -> str:
    """No longer than the terminal is wide: what breaks into two lines could not be drawn over."""
    shown, place = 0, 0
    while place < len(line):
        if line[place] == "\x1b":
            place = line.index("m", place) + 1
            continue
        shown += 1
        if shown > width:
            return line[:place] + _PLAIN
        place += 1
    return line
