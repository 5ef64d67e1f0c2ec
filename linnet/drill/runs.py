"""Runs as they stand in a report, and promises over all of them. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.drill import measures
from linnet.drill.findings import Finding, broken, unshown
from linnet.drill.measures import Slice
from linnet.drill.records import Evidence, Mark

SLICE_SECONDS = 0.5
SLICES_MAX = 160


class Latency(msgspec.Struct, frozen=True):
    """In seconds, from the first request to the answer that counted."""

    p50: float
    p99: float
    slowest: float


class Run(msgspec.Struct, frozen=True):
    """One run, as it stands in the report. Times of ``marks`` and ``slices`` are seconds since it began.

    ``cpu_before`` is what the load took before anything was harmed, ``speed`` millions of additions a second.
    """

    name: str
    began_ms: int
    seconds: float
    endpoints: tuple[str, ...]
    people: int
    rate: float
    reads: float
    posts_acknowledged: int
    reads_served: int
    attempts_failed: int
    cpu_mean: float
    cpu_most: float
    late_most: float
    post_latency: Latency
    read_latency: Latency
    marks: tuple[Mark, ...]
    findings: tuple[Finding, ...]
    posts: tuple[Slice, ...]
    served: tuple[Slice, ...]
    notes: tuple[str, ...] = ()
    unfinished: bool = False
    cpu_before: float = 0.0
    speed: float = 0.0

    @property
    def verdict(self) -> bool | None:
        """False: a promise was broken. None: something that was promised could not be measured."""
        return False if broken(self.findings) else None if unshown(self.findings) else True


class Promise(NamedTuple):
    """A promise over all runs: the worst that was measured, in which run, and how often it was kept or not."""

    promise: str
    bar: str
    measured: str
    run: str
    kept: int
    broken: int
    unknown: int
    evidence: tuple[str, ...]

    @property
    def verdict(self) -> bool | None:
        """None also where nothing was promised (``bar`` is –): it is told, not judged."""
        return False if self.broken else True if self.kept and not self.unknown else None


def summary(
    name: str, evidence: Evidence, findings: Sequence[Finding], notes: Sequence[str] = (), *, unfinished: bool = False
) -> Run:
    """What of the evidence stands in the report. ``unfinished``: somebody has ended it before its time."""
    began, ended = evidence.began, max(evidence.ended, evidence.began)
    posts, reads = measures.post_times(evidence), measures.read_times(evidence)
    post_errors, read_errors = measures.post_errors(evidence), measures.read_errors(evidence)
    count = min(SLICES_MAX, max(4, round((ended - began) / SLICE_SECONDS)))

    def sliced(points: Sequence[tuple[float, float]], errors: Sequence[float]) -> tuple[Slice, ...]:
        inside = [point for point in points if point[0] <= ended]
        found = measures.slices(inside, [at for at in errors if at <= ended], began, ended, count)
        return tuple(_relative(piece, began) for piece in found)

    cpu_mean, cpu_most = measures.cpu(evidence)
    return Run(
        name, evidence.began_ms, round(ended - began, 2), evidence.endpoints, len(evidence.people), evidence.rate,
        evidence.reads, len(posts), len(reads), len(post_errors) + len(read_errors), round(cpu_mean, 3),
        round(cpu_most, 3), round(measures.lateness(evidence), 3), _latency(posts), _latency(reads),
        tuple(
            msgspec.structs.replace(mark, began=round(mark.began - began, 3), ended=round(mark.ended - began, 3))
            for mark in evidence.of(Mark)
        ),
        tuple(findings), sliced(posts, post_errors), sliced(reads, read_errors), tuple(notes), unfinished,
        round(measures.cpu_before(evidence), 3), round(evidence.speed, 2),
    )  # fmt: skip


def _relative(piece: Slice, began: float) -> Slice:
    """Times since the run began, no finer than anybody looks."""
    at, p50, p99, slowest = round(piece.at - began, 3), *(round(s, 5) for s in (piece.p50, piece.p99, piece.slowest))
    return Slice(at, piece.ended, piece.errors, p50, p99, slowest)


def _latency(points: Sequence[tuple[float, float]]) -> Latency:
    found = sorted(seconds for _, seconds in points)
    return Latency(*(round(measures.percentile(found, part), 4) for part in (0.5, 0.99, 1.0)))


def promises(runs: Sequence[Run]) -> list[Promise]:
    """All that was promised, each once, in the order in which it first came up."""
    held: dict[tuple[str, str], list[tuple[Run, Finding]]] = {}
    for run in runs:
        for finding in run.findings:
            held.setdefault((finding.promise, finding.bar), []).append((run, finding))
    found = []
    for (promise, bar), those in held.items():
        run, worst = max(those, key=lambda pair: (pair[1].kept is False, pair[1].value))
        verdicts = [finding.kept for _, finding in those]
        told = worst.evidence if worst.kept is False else ()
        found.append(
            Promise(
                promise, bar, worst.measured, run.name, verdicts.count(True), verdicts.count(False),
                verdicts.count(None), told,
            )
        )  # fmt: skip
    return found


def verdict(runs: Sequence[Run]) -> bool | None:
    """The worst of all; None for none, too."""
    verdicts = [run.verdict for run in runs]
    return False if False in verdicts else None if None in verdicts or not verdicts else True
