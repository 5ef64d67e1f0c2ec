"""What follows from the records of a run: pauses, errors, latencies over time. Pure: values in, values out."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from linnet.drill.records import Attempt, Deed, Evidence, Failure, Mark, Read, Sample

Span = tuple[float, float]


class Pause(NamedTuple):
    """The longest time in which nothing came: from when on, how long, and at which endpoint ('' is anywhere)."""

    seconds: float = 0.0
    began: float = 0.0
    endpoint: str = ""


class Slice(NamedTuple):
    """A piece of time: how many ended well in it, how many attempts did not, and latencies in seconds."""

    at: float
    ended: int
    errors: int
    p50: float
    p99: float
    slowest: float


# ------------------------------------------------------------------------------------------------------------ pauses


def longest(times: Sequence[float], spans: Iterable[Span], endpoint: str = "") -> Pause:
    """The longest time inside one of the spans in which nothing came. ``times`` rise; a span's ends count as coming."""
    found = Pause(endpoint=endpoint)
    for began, ended in spans:
        inside = times[bisect_left(times, began) : bisect_right(times, ended)]
        for before, after in pairwise((began, *inside, ended)):
            if after - before > found.seconds:
                found = Pause(after - before, before, endpoint)
    return found


def alive(endpoint: str, began: float, ended: float, marks: Iterable[Mark]) -> list[Span]:
    """When the node behind an endpoint was alive: between the faults that were its own."""
    spans: list[Span] = []
    at = began
    for mark in sorted(marks, key=lambda mark: mark.began):
        if endpoint in mark.endpoints and mark.ended > at:
            if mark.began > at:
                spans.append((at, min(mark.began, ended)))
            at = mark.ended
    if at < ended:
        spans.append((at, ended))
    return spans


def within(spans: Iterable[Span], window: Span) -> list[Span]:
    """The parts of the spans inside a window."""
    cut = [(max(began, window[0]), min(ended, window[1])) for began, ended in spans]
    return [(began, ended) for began, ended in cut if began < ended]


def acknowledged_at(evidence: Evidence) -> dict[str, list[float]]:
    """When each endpoint acknowledged a post."""
    times: dict[str, list[float]] = {endpoint: [] for endpoint in evidence.endpoints}
    for attempt in evidence.of(Attempt):
        if attempt.id is not None:
            times[attempt.endpoint].append(attempt.ended)
    return {endpoint: sorted(found) for endpoint, found in times.items()}


def served_at(evidence: Evidence) -> dict[str, list[float]]:
    """When each endpoint served a read."""
    times: dict[str, list[float]] = {endpoint: [] for endpoint in evidence.endpoints}
    for read in evidence.of(Read):
        if read.served:
            times[read.endpoint].append(read.ended)
    return {endpoint: sorted(found) for endpoint, found in times.items()}


def pauses(evidence: Evidence, times: dict[str, list[float]], window: Span | None = None) -> dict[str, Pause]:
    """For each endpoint, the longest pause while its node was alive; under '' that of all together."""
    marks = evidence.of(Mark)
    whole = (evidence.began, evidence.ended)
    everywhere = sorted(at for found in times.values() for at in found)
    asked = whole if window is None else window
    found = {"": longest(everywhere, within([whole], asked))}
    for endpoint in evidence.endpoints:
        spans = within(alive(endpoint, *whole, marks), asked)
        found[endpoint] = longest(times[endpoint], spans, endpoint)
    return found


def worst(found: dict[str, Pause]) -> Pause:
    """Of the endpoints, the one with the longest pause."""
    return max((pause for endpoint, pause in found.items() if endpoint), default=Pause())


def windows(evidence: Evidence, after: float) -> list[tuple[Mark, Span]]:
    """Each fault with the time that is looked at for it: until ``after`` seconds behind it, or the next one."""
    marks = sorted((mark for mark in evidence.of(Mark) if not mark.absence), key=lambda mark: mark.began)
    nexts = [mark.began for mark in marks[1:]] + [evidence.ended]
    return [
        (mark, (mark.began, max(mark.ended, min(mark.ended + after, following))))
        for mark, following in zip(marks, nexts, strict=False)
    ]


# ------------------------------------------------------------------------------------------------ errors, latencies


def failures(evidence: Evidence) -> list[str]:
    """A sentence for each request that came to nothing for the client."""
    moments = [(failure.at, f"{failure.key} at {failure.endpoint}", failure.why) for failure in evidence.of(Failure)]
    moments += [
        (read.ended, f"a read of {read.what} at {read.endpoint}", read.why)
        for read in evidence.of(Read)
        if not read.served
    ]
    moments += [
        (deed.ended, f"a favourite of {deed.about} at {deed.endpoint}", deed.why)
        for deed in evidence.of(Deed)
        if not deed.done
    ]
    return [f"{moment(evidence, at)} {what}: {why}" for at, what, why in sorted(moments)]


def tried_again(evidence: Evidence) -> Counter[str]:
    """How often each reason made the client ask again (or give up), posts and reads together."""
    reasons = Counter(_reason(attempt.why) for attempt in evidence.of(Attempt) if attempt.why)
    reasons["a read that another attempt served"] = sum(
        read.attempts - 1 for read in evidence.of(Read) if read.served and read.attempts > 1
    )
    return +reasons


def _reason(why: str) -> str:
    """Without what differs from one attempt to the next."""
    return why.partition(":")[0].partition("(")[0].partition(" in ")[0].strip()


def slices(
    points: Iterable[tuple[float, float]], errors: Iterable[float], began: float, ended: float, count: int
) -> list[Slice]:
    """The time cut into ``count`` pieces. ``points`` are (when it ended, seconds), ``errors`` are times."""
    width = max(0.001, (ended - began) / count)
    held: list[list[float]] = [[] for _ in range(count)]
    bad = [0] * count
    for at, seconds in points:
        held[_piece(at, began, width, count)].append(seconds)
    for at in errors:
        bad[_piece(at, began, width, count)] += 1
    found = []
    for number, values in enumerate(held):
        values.sort()
        found.append(
            Slice(
                began + number * width, len(values), bad[number], percentile(values, 0.5), percentile(values, 0.99),
                percentile(values, 1.0),
            )
        )  # fmt: skip
    return found


def _piece(at: float, began: float, width: float, count: int) -> int:
    return min(count - 1, max(0, int((at - began) / width)))


def percentile(values: Sequence[float], part: float) -> float:
    """Of values that rise; 0 of none. ``part`` 1 is the largest."""
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def post_times(evidence: Evidence) -> list[tuple[float, float]]:
    """(when it was acknowledged, seconds since it was first sent) of each post."""
    first: dict[str, float] = {}
    found = []
    done: set[str] = set()
    for attempt in evidence.of(Attempt):
        first.setdefault(attempt.key, attempt.began)
        if attempt.id is not None and attempt.key not in done:
            done.add(attempt.key)
            found.append((attempt.ended, attempt.ended - first[attempt.key]))
    return found


def read_times(evidence: Evidence) -> list[tuple[float, float]]:
    return [(read.ended, read.ended - read.began) for read in evidence.of(Read) if read.served]


def post_errors(evidence: Evidence) -> list[float]:
    return [attempt.ended for attempt in evidence.of(Attempt) if attempt.id is None]


def read_errors(evidence: Evidence) -> list[float]:
    """A read is written down once: each of its vain attempts counts where it ended."""
    return [read.ended for read in evidence.of(Read) for _ in range(read.attempts - read.served)]


def cpu(evidence: Evidence) -> tuple[float, float]:
    """Of all processors: the mean and the most of any half second, in [0, 1]."""
    parts = [sample.cpu for sample in evidence.of(Sample) if evidence.began <= sample.at <= evidence.ended]
    return (sum(parts) / len(parts), max(parts)) if parts else (0.0, 0.0)


def cpu_before(evidence: Evidence) -> float:
    """The mean before the first fault; of everything where there was none."""
    first = min((mark.began for mark in evidence.of(Mark)), default=evidence.ended)
    parts = [sample.cpu for sample in evidence.of(Sample) if evidence.began <= sample.at < first]
    return sum(parts) / len(parts) if parts else 0.0


def lateness(evidence: Evidence) -> float:
    """How late the drill itself was at worst: what it measured is not better than that."""
    return max((sample.late for sample in evidence.of(Sample)), default=0.0)


def moment(evidence: Evidence, at: float) -> str:
    """A time as seconds since the run began."""
    return f"+{at - evidence.began:.2f} s"
