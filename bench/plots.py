"""Pictures of what was found: each figure beside its bar, and curves over the number of followers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report import Row

INK, PAPER, GOOD, BAD, QUIET = "#1d2a35", "#ffffff", "#2f7d5b", "#b3402f", "#8a97a3"


def overview(rows: Sequence[Row], out: Path) -> None:
    """All rows, as parts of their bars: left of the line is better, whichever way a bar points."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(rows) + 1.2), facecolor=PAPER)
    for at, row in enumerate(reversed(rows)):
        parts = [_part(row, run) for run in row.runs]
        middle = _part(row, row.measured)
        axes.barh(at, middle, color=GOOD if row.met else BAD, height=0.55, alpha=0.85)
        axes.plot(parts, [at] * len(parts), "|", color=INK, markersize=9)
        axes.text(middle + 0.03, at, f"{row.measured:.3g} {row.unit}", va="center", fontsize=8, color=INK)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [row.what for row in reversed(rows)], fontsize=8)
    axes.set_xlabel("as a part of its bar (1 = the bar; shorter is better)", fontsize=8)
    _finish(figure, axes, out, "overview")


def _part(row: Row, value: float) -> float:
    if row.lowest:
        return row.bar / value if value else 0.0
    return value / row.bar


def curves(
    out: Path, name: str, title: str, x: Sequence[float], lines: dict[str, Sequence[float]], labels: tuple[str, str],
    marks: Sequence[tuple[str, float]] = (),
) -> None:  # fmt: skip
    """Lines over a logarithmic axis; ``marks`` are horizontal lines."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(7, 4), facecolor=PAPER)
    for colour, (label, y) in zip((GOOD, BAD, INK, QUIET), lines.items(), strict=False):
        axes.plot(x, y, "o-", color=colour, label=label, markersize=4)
    for label, height in marks:
        axes.axhline(height, color=QUIET, linestyle="--", linewidth=1)
        axes.text(x[0], height, f" {label}", va="bottom", fontsize=8, color=QUIET)
    axes.set(xscale="log", title=title, xlabel=labels[0], ylabel=labels[1])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    _finish(figure, axes, out, name)


def _finish(figure: Any, axes: Any, out: Path, name: str) -> None:
    import matplotlib.pyplot as plt

    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(out / f"{name}.{kind}", dpi=150)
    plt.close(figure)
