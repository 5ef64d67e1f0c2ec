"""Plots of a run as SVG, drawn by ourselves: latencies, posts and reads over time, with the faults marked. Pure.

Colours are classes of the page that the plot stands in, so that they follow its scheme, light or dark.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from linnet.drill.measures import Slice
from linnet.drill.records import Mark

WIDTH, LEFT, RIGHT = 960.0, 52.0, 14.0
TOP, LATENCY, COUNT, BETWEEN, BOTTOM = 34.0, 190.0, 70.0, 30.0, 26.0
HEIGHT = TOP + LATENCY + 2 * (BETWEEN + COUNT) + BOTTOM
LABEL_LINES = 2
CHARACTER = 6.4
"""How wide a letter of a label is, about."""

Scale = Callable[[float], float]


class Series(NamedTuple):
    """Posts or reads over time; ``style`` is the class of its colour."""

    name: str
    style: str
    slices: Sequence[Slice]


def plot(series: Sequence[Series], marks: Sequence[Mark], began: float, ended: float) -> str:
    """One picture: latencies on top, below it how many a second of each series, and the attempts that failed."""
    span = max(0.001, ended - began)

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (min(max(at, began), ended) - began) / span

    said = "; ".join(f"{mark.name} from second {mark.began - began:.0f} to {mark.ended - began:.0f}" for mark in marks)
    about = f"Latency, posts and reads over {span:.0f} seconds. " + (f"Faults: {said}." if said else "No faults.")
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(about)}">',
        *_faults(marks, x),
        *_seconds(began, span, x),
        *_latency(series, x),
    ]
    top = TOP + LATENCY + BETWEEN
    for one in series:
        parts += _counts(one, x, top)
        top += COUNT + BETWEEN
    return "".join([*parts, *_tips(series, began, x), "</svg>"])


# -------------------------------------------------------------------------------------------------- what lies behind


def _faults(marks: Sequence[Mark], x: Scale) -> Iterator[str]:
    """A band for each fault, and its name above it, on another line where it would cover its neighbour's."""
    ends = [LEFT] * LABEL_LINES
    bottom = HEIGHT - BOTTOM
    for mark in sorted(marks, key=lambda mark: mark.began):
        left, right = x(mark.began), max(x(mark.ended), x(mark.began) + 2)
        size = f'width="{right - left:.1f}" height="{bottom - TOP:.1f}"'
        yield f'<rect class="fault" x="{left:.1f}" y="{TOP:.1f}" {size}/>'
        yield f'<path class="edge" d="M{left:.1f} {TOP - 4:.1f}V{bottom:.1f}"/>'
        width = len(mark.name) * CHARACTER
        start = min(left, WIDTH - RIGHT - width)
        line = next((number for number, end in enumerate(ends) if start >= end), None)
        if line is not None:
            ends[line] = start + width + 8
            yield f'<text class="named" x="{start:.1f}" y="{TOP - 9 - 13 * line:.1f}">{escape(mark.name)}</text>'


def _seconds(began: float, span: float, x: Scale) -> Iterator[str]:
    """The axis of time, at round numbers."""
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 1 << 30) if span / step <= 12)
    bottom = HEIGHT - BOTTOM
    for number in range(int(span // step) + 1):
        at = x(began + number * step)
        yield f'<path class="grid" d="M{at:.1f} {bottom:.1f}v4"/>'
        unit = " s" if number == 0 else ""
        yield f'<text class="tick" text-anchor="middle" x="{at:.1f}" y="{bottom + 17:.1f}">{number * step}{unit}</text>'


# ----------------------------------------------------------------------------------------------------------- latency


def _latency(series: Sequence[Series], x: Scale) -> Iterator[str]:
    """From the median to the slowest percentile, on a logarithmic scale: a fault is a hundred times an ordinary day."""
    values = [value for one in series for piece in one.slices if piece.ended for value in (piece.p50, piece.slowest)]
    low = 10.0 ** math.floor(math.log10(max(1e-4, min(values, default=0.001))))
    high = 10.0 ** math.ceil(math.log10(max(low * 10, max(values, default=0.01)) * 1.01))
    decades = math.log10(high / low)

    def y(seconds: float) -> float:
        part = math.log10(min(max(seconds, low), high) / low) / decades
        return TOP + LATENCY * (1 - part)

    value = low
    while value <= high * 1.001:
        yield f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
        said = _seconds_text(value)
        yield f'<text class="tick" text-anchor="end" x="{LEFT - 7}" y="{y(value) + 4:.1f}">{said}</text>'
        value *= 10
    for one in series:
        for run in _unbroken(one.slices):
            middles = [x((piece.at + following) / 2) for piece, following in _with_ends(run, one.slices)]
            upper = [f"{at:.1f} {y(piece.p99):.1f}" for at, piece in zip(middles, run, strict=True)]
            lower = [f"{at:.1f} {y(piece.p50):.1f}" for at, piece in zip(middles, run, strict=True)]
            yield f'<path class="area {one.style}" d="M{"L".join([*upper, *reversed(lower)])}Z"/>'
            yield f'<path class="line {one.style}" d="M{"L".join(lower)}"/>'
            yield f'<path class="hair {one.style}" d="M{"L".join(upper)}"/>'
            for at, piece in zip(middles, run, strict=True):
                if piece.slowest > 2 * piece.p99:
                    yield f'<circle class="dot {one.style}" cx="{at:.1f}" cy="{y(piece.slowest):.1f}" r="1.8"/>'


def _seconds_text(value: float) -> str:
    return f"{value:g} s" if value > 0.9 else f"{value * 1000:g} ms"


def _unbroken(slices: Sequence[Slice]) -> Iterator[list[Slice]]:
    """Pieces of time in which something ended, as long as they follow each other."""
    run: list[Slice] = []
    for piece in slices:
        if piece.ended:
            run.append(piece)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _with_ends(run: Sequence[Slice], slices: Sequence[Slice]) -> Iterator[tuple[Slice, float]]:
    width = slices[1].at - slices[0].at if len(slices) > 1 else 0.0
    for piece in run:
        yield piece, piece.at + width


# ------------------------------------------------------------------------------------------------------------ counts


def _counts(one: Series, x: Scale, top: float) -> Iterator[str]:
    """How many a second ended well, as a hill; attempts that failed as bars hanging from above."""
    if not one.slices:
        return
    width = one.slices[1].at - one.slices[0].at if len(one.slices) > 1 else 1.0
    # What piled up behind a pause comes all at once: a peak may leave the picture, so that the usual is seen in it.
    usual = sorted(piece.ended / width for piece in one.slices if piece.ended)
    ceiling = _round_up(2 * usual[len(usual) // 2] if usual else 1.0)
    bottom = top + COUNT

    def y(count: float) -> float:
        return bottom - COUNT * min(count / width, ceiling) / ceiling

    yield f'<text class="axis" x="{LEFT}" y="{top - 7:.1f}">{escape(one.name)} a second</text>'
    for value in (0.0, ceiling):
        at = bottom - COUNT * value / ceiling
        yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick" text-anchor="end" x="{LEFT - 7}" y="{at + 4:.1f}">{value:g}</text>'
    steps = [f"M{x(one.slices[0].at):.1f} {bottom:.1f}"]
    for piece in one.slices:
        steps.append(f"V{y(piece.ended):.1f}H{x(piece.at + width):.1f}")
    steps.append(f"V{bottom:.1f}Z")
    yield f'<path class="hill {one.style}" d="{"".join(steps)}"/>'
    for piece in one.slices:
        if piece.errors:
            left, right = x(piece.at), x(piece.at + width)
            tall = max(2.0, bottom - y(piece.errors))
            yield (
                f'<rect class="error" x="{left:.1f}" y="{top:.1f}" width="{max(1.5, right - left - 0.5):.1f}" '
                f'height="{tall:.1f}"/>'
            )


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, …"""
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= value * 0.999)


def _tips(series: Sequence[Series], began: float, x: Scale) -> Iterator[str]:
    """What a pointer is told of each piece of time."""
    if not series or len(series[0].slices) < 2:
        return
    width = series[0].slices[1].at - series[0].slices[0].at
    for number, piece in enumerate(series[0].slices):
        lines = [f"{piece.at - began:.1f} to {piece.at - began + width:.1f} s"]
        for one in series:
            now = one.slices[number]
            times = f", median {now.p50 * 1000:.0f} ms, slowest {now.slowest * 1000:.0f} ms" if now.ended else ""
            failed = f", {now.errors} attempts failed" if now.errors else ""
            lines.append(f"{one.name}: {now.ended}{times}{failed}")
        left = x(piece.at)
        yield (
            f'<rect class="tip" x="{left:.1f}" y="{TOP:.1f}" width="{x(piece.at + width) - left:.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM:.1f}"><title>{escape(chr(10).join(lines))}</title></rect>'
        )
