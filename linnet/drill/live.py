"""How a load stands at this moment: counted as it goes, for whoever looks on."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from linnet.drill.client import Answer

WINDOW_SECONDS = 5.0


class Figures(NamedTuple):
    """Since the beginning: posts acknowledged, reads served, requests that failed for the client, attempts that did.

    Of the last seconds: posts and reads a second, the slowest percentile (99) of posts and reads in seconds. ``quiet``
    is for how long each endpoint has acknowledged nothing.
    """

    seconds: float = 0.0
    posts: int = 0
    reads: int = 0
    failed: int = 0
    tried_again: int = 0
    under_way: int = 0
    posts_a_second: float = 0.0
    reads_a_second: float = 0.0
    post_p99: float = 0.0
    read_p99: float = 0.0
    cpu: float = 0.0
    quiet: Mapping[str, float] = {}


class Tally:
    """Counts."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.posts = self.reads = self.failed = self.tried_again = self.not_begun = 0
        self.cpu = 0.0
        self._began = 0.0
        self._last = dict.fromkeys(endpoints, 0.0)
        self._posts: deque[tuple[float, float]] = deque()
        self._reads: deque[tuple[float, float]] = deque()

    def begin(self, now: float) -> None:
        self._began = now
        self._last = dict.fromkeys(self._last, now)

    def attempted(self, answer: Answer) -> None:
        if not answer.good:
            self.tried_again += 1

    def posted(self, answer: Answer) -> None:
        if answer.good:
            self.posts += 1
            self._last[answer.endpoint] = answer.ended
            self._posts.append((answer.ended, answer.ended - answer.began))
        else:
            self.failed += 1

    def read(self, answer: Answer) -> None:
        if answer.good:
            self.reads += 1
            self._reads.append((answer.ended, answer.ended - answer.began))
        else:
            self.failed += 1

    def figures(self, now: float, under_way: int) -> Figures:
        for times in (self._posts, self._reads):
            while times and times[0][0] < now - WINDOW_SECONDS:
                times.popleft()
        over = max(0.001, min(WINDOW_SECONDS, now - self._began)) if self._began else WINDOW_SECONDS
        return Figures(
            now - self._began if self._began else 0.0, self.posts, self.reads, self.failed, self.tried_again, under_way,
            len(self._posts) / over, len(self._reads) / over, _p99(self._posts), _p99(self._reads), self.cpu,
            {endpoint: now - last for endpoint, last in self._last.items()},
        )  # fmt: skip


def _p99(times: Sequence[tuple[float, float]]) -> float:
    found = sorted(seconds for _, seconds in times)
    return found[int(len(found) * 0.99)] if found else 0.0
