"""The report as one page that needs nothing else: no script, no font, no picture from anywhere; light and dark."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from linnet.drill import plots
from linnet.drill.plots import Series
from linnet.drill.runs import Run, promises, verdict

OPEN_MAX = 6
"""With more runs than these, only the broken ones lie open."""


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("linnet.drill"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {"count": lambda number: f"{number:,}", "ms": _ms, "day": _day, "part": lambda part: f"{part:.0%}"}
    return found


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.2f} s"


@cache
def _tokens() -> str:
    """Colours, sizes and faces of the product's own pages: the ``:root`` at the top of their style sheet."""
    style = files("linnet.web").joinpath("static/style.css").read_text("utf-8")
    start = style.index(":root{")
    return style[start : style.index("}", start) + 1]


def _bird() -> Markup:
    return Markup(files("linnet.web").joinpath("static/linnet.svg").read_text("utf-8"))


def rendered(title: str, versions: Mapping[str, str], notes: Sequence[str], runs: Sequence[Run]) -> str:
    """The whole page."""
    return _environment().get_template("report.html").render(
        title=title,
        versions=versions,
        notes=notes,
        verdict_of_all=verdict(runs),
        runs=[(run, _plotted(run), run.verdict is False or len(runs) <= OPEN_MAX) for run in runs],
        promises=promises(runs),
        totals=_totals(runs),
        tokens=Markup(_tokens()),
        style=Markup(files("linnet.drill").joinpath("templates/report.css").read_text("utf-8")),
        bird=_bird(),
    )  # fmt: skip


@cache
def _plotted(run: Run) -> Markup:
    """Drawn once: the page is written anew after each of many runs."""
    series = (Series("posts", "posts", run.posts), Series("reads", "reads", run.served))
    return Markup(plots.plot(series, run.marks, 0.0, run.seconds))


def _totals(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "posts": sum(run.posts_acknowledged for run in runs),
        "reads": sum(run.reads_served for run in runs),
        "faults": sum(len(run.marks) for run in runs),
        "failed": sum(run.attempts_failed for run in runs),
        "seconds": sum(run.seconds for run in runs),
    }
