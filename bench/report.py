"""What was found: rows of one table, printed and kept as JSON."""

import json
import platform
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

COLUMNS = ("what", "measured", "bar", "verdict", "figures", "runs")
FIGURES_WIDTH = 62


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``runs`` are the single measurements whose median was judged."""

    name: str
    what: str
    measured: float
    bar: float
    met: bool
    figures: str
    runs: tuple[float, ...]
    unit: str = "x"
    lowest: bool = False
    """Whether ``bar`` is the least that is wanted, and not the most."""

    @property
    def spread(self) -> float:
        """How far the runs lie apart, as a part of their median."""
        return (max(self.runs) - min(self.runs)) / self.measured if self.measured else 0.0


def judged(
    name: str, what: str, runs: Sequence[float], bar: float, figures: str, *, unit: str = "x", lowest: bool = False
) -> Row:
    middle = median(runs)
    met = middle >= bar if lowest else middle <= bar
    return Row(name, what, middle, bar, met, figures, tuple(round(run, 4) for run in runs), unit, lowest)


def table(rows: Sequence[Row]) -> str:
    lines = [[*COLUMNS]]
    widths = [len(column) for column in COLUMNS]
    blocks: list[list[list[str]]] = []
    for row in rows:
        cells = [
            textwrap.wrap(row.what, 46),
            [f"{row.measured:.3g} {row.unit}"],
            [f"{'>=' if row.lowest else '<='} {row.bar:g} {row.unit}" if row.bar else "-"],
            [("met" if row.met else "MISSED") if row.bar else "-"],
            textwrap.wrap(row.figures, FIGURES_WIDTH),
            [f"{len(row.runs)}, spread {row.spread:.0%}"],
        ]
        blocks.append(cells)
        widths = [max([width, *map(len, cell)]) for width, cell in zip(widths, cells, strict=True)]
    text = ["  ".join(name.ljust(width) for name, width in zip(lines[0], widths, strict=True)).rstrip()]
    text.append("  ".join("-" * width for width in widths))
    for cells in blocks:
        for at in range(max(map(len, cells))):
            parts = [
                (cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(cells, widths, strict=True)
            ]
            text.append("  ".join(parts).rstrip())
    return "\n".join(text)


def keep(rows: Sequence[Row], noise: str, out: Path) -> Path:
    """The JSON file."""
    file = out / "results.json"
    machine = {"system": platform.platform(), "python": platform.python_version(), "noise": noise}
    file.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return file
