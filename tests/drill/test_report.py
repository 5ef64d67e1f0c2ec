"""The report: one file for programs, one page for people, both of what was measured and nothing else."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from linnet.drill import judging, plots
from linnet.drill.findings import Finding, none_of, unknown
from linnet.drill.measures import Slice
from linnet.drill.plots import Series
from linnet.drill.records import Evidence, Mark
from linnet.drill.report import Report, Unlike, aligned
from linnet.drill.runs import promises, summary
from tests.support.ledgers import ENDPOINTS, acknowledged, evidence, read, refused, sampled, steady

MARK = Mark("kill-node", 103.0, 106.0, ENDPOINTS[:1], 2.0, "a node's <processes> are killed")
KEPT = none_of(judging.LOST, "of 300", [])
BROKEN = none_of(judging.LOST, "of 300", ["run-000007: its id <7> is not there"])
UNKNOWN = unknown(judging.LOST, "0", "nobody answered")
TOLD = Finding(judging.READ_PAUSE, "–", "0.20 s", None, 0.2, ())


def _run(*marks: Mark) -> Evidence:
    def answered(number: int, at: float) -> list[Any]:
        if not marks or not 103 <= at < 103.5:
            return [acknowledged(number, at), read(number, at)]
        return [refused(number, at, 0.1), acknowledged(number, at + 0.1, 0.4), read(number, at, 0.3, attempts=2)]

    return evidence([*steady(10, 30, answered, *marks), *sampled(10)])


def test_a_run_is_summed_up() -> None:
    run = summary("kill-node 1", _run(MARK), [KEPT, TOLD])
    assert run.verdict is True
    assert run.posts_acknowledged == run.reads_served == 300
    assert run.attempts_failed == 30
    assert run.seconds == 10
    assert run.marks[0].began == 3.0
    assert run.marks[0].ended == 6.0
    assert sum(piece.ended for piece in run.posts) == 300
    assert sum(piece.errors for piece in run.posts) == 15
    assert run.post_latency.slowest == pytest.approx(0.5)
    assert run.post_latency.p50 == pytest.approx(0.02)
    assert run.cpu_mean == 0.4
    assert run.cpu_before == 0.4


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [([KEPT], True), ([KEPT, BROKEN], False), ([UNKNOWN], None), ([UNKNOWN, BROKEN], False), ([TOLD], True)],
)
def test_a_verdict_is_the_worst_of_its_findings(findings: list[Finding], verdict: bool | None) -> None:
    assert summary("x", _run(), findings).verdict is verdict


def test_promises_are_told_once_with_the_worst_that_was_measured() -> None:
    runs = [summary(name, _run(), [finding, TOLD]) for name, finding in (("a", KEPT), ("b", BROKEN), ("c", KEPT))]
    lost, told = promises(runs)
    assert (lost.kept, lost.broken, lost.unknown) == (2, 1, 0)
    assert (lost.run, lost.verdict, lost.measured) == ("b", False, "1 of 300")
    assert lost.evidence == BROKEN.evidence
    assert told.verdict is None
    assert promises([runs[0], summary("d", _run(), [UNKNOWN])])[0].verdict is None


def test_a_drill_goes_on_where_another_ended(tmp_path: Path) -> None:
    first = Report(tmp_path, "Drill", {"Linnet": "1"})
    first.note("a note")
    first.add("one", _run(MARK), [KEPT, TOLD])
    first.add("two", _run(), [UNKNOWN], unfinished=True)
    rate, reads = first.runs[0].rate, first.runs[0].reads

    second = Report(tmp_path, "Drill", {"Linnet": "1"})
    second.resume(rate, reads)
    assert second.runs == first.runs[:1]
    assert second.notes == ["a note"]
    assert (second.has("one"), second.has("two")) == (True, False)
    assert second.verdict is True

    with pytest.raises(Unlike, match="with another Linnet"):
        Report(tmp_path, "Drill", {"Linnet": "2"}).resume(rate, reads)
    with pytest.raises(Unlike, match=r"posts and .* reads a second"):
        Report(tmp_path, "Drill", {"Linnet": "1"}).resume(rate + 1, reads)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(Unlike, match="no report"):
        Report(tmp_path, "Drill", {"Linnet": "1"}).resume(rate, reads)


def test_nothing_to_go_on_with_is_a_new_drill(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.resume(30, 100)
    assert report.runs == []


def test_the_file_for_programs_has_everything(tmp_path: Path) -> None:
    report = Report(tmp_path, "Drill", {"Linnet": "1"})
    report.add("one", _run(MARK), [KEPT, TOLD], notes=["a note"])
    report.add("two", _run(), [BROKEN])
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["schema"] == 1
    assert found["kept"] is False
    assert report.broken
    assert [run["verdict"] for run in found["runs"]] == [True, False]
    assert found["runs"][0]["findings"][0]["promise"] == judging.LOST
    assert found["runs"][0]["notes"] == ["a note"]
    assert found["promises"][0]["broken"] == 1
    assert found["last_run_at"] == "2025-11-21T04:40:00+00:00"
    assert not list(tmp_path.glob("*.new"))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_from_elsewhere_and_believes_no_text(tmp_path: Path) -> None:
    report = Report(tmp_path, "Drill <b>", {"Linnet": "1"})
    report.add("one", _run(MARK), [BROKEN, TOLD])
    text = (tmp_path / "report.html").read_text()
    page = _Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "b", "processes"} & set(names)
    assert names.count("svg") == 2  # the bird and the plot
    assert not re.search(r"url\(|@import|https?://(?!a|b|c|www\.w3\.org)", text)
    assert "1 promise was broken." in page.text
    assert "its id <7> is not there" in page.text
    assert "a node's <processes> are killed" in page.text
    assert "--rose:light-dark(" in text
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg" and attrs.get("class") == "plot")


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([KEPT], "Every promise was kept."),
        ([UNKNOWN], "No promise was broken, but not all could be measured."),
        ([BROKEN, none_of(judging.DOUBLED, "", ["x"])], "2 promises were broken."),
    ],
)
def test_the_page_says_at_once_how_it_stands(tmp_path: Path, findings: list[Finding], said: str) -> None:
    report = Report(tmp_path)
    report.add("one", _run(), findings)
    assert said in (tmp_path / "report.html").read_text()


def test_of_many_runs_only_the_broken_lie_open(tmp_path: Path) -> None:
    report = Report(tmp_path)
    for number in range(8):
        report.add(f"run {number}", _run(), [BROKEN if number == 3 else KEPT])
    details = [attrs for tag, attrs in _Page((tmp_path / "report.html").read_text()).tags if tag == "details"]
    assert [number for number, attrs in enumerate(details) if "open" in attrs] == [3]


def test_a_note_is_written_even_where_nothing_was_run(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.note("The cluster could not be brought up.")
    text = (tmp_path / "report.html").read_text()
    assert "The cluster could not be brought up." in text
    assert "Nothing has been run." in text
    assert report.verdict is None


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert aligned((("A", "B"), ("long", "x"))) == "A     B\nlong  x"


def test_the_table_for_terminals_shouts_where_a_promise_was_broken(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.add("one", _run(), [BROKEN, TOLD])
    table = report.table().splitlines()
    assert table[1].startswith(judging.LOST)
    assert table[1].endswith("BROKEN")
    assert table[2].endswith("–")


# ------------------------------------------------------------------------------------------------------------- plots


def _numbers(svg: str) -> list[float]:
    return [float(found) for found in re.findall(r'(?:x|y|cx|cy)="(-?[\d.]+)"', svg)]


@pytest.mark.parametrize("marks", [(), (MARK, Mark("next", 107.0, 107.1), Mark("late", 109.9, 120.0))])
def test_everything_is_drawn_inside_the_picture(marks: tuple[Mark, ...]) -> None:
    slices = [Slice(100 + number, number % 3, number % 2, 0.01, 0.2, 60.0) for number in range(10)]
    svg = plots.plot([Series("posts", "posts", slices), Series("reads", "reads", slices)], marks, 100.0, 110.0)
    assert all(0 <= number <= plots.WIDTH for number in _numbers(svg))
    for mark in marks:
        assert f">{mark.name}</text>" in svg
    assert svg.count('class="fault"') == len(marks)
    assert svg.count("<title>") == 10
    assert "NaN" not in svg
    assert "nan" not in svg


def test_a_line_is_broken_where_nothing_ended() -> None:
    def drawn(*counts: int) -> int:
        slices = [Slice(number, count, 0, 0.01, 0.02, 0.02) for number, count in enumerate(counts)]
        return plots.plot([Series("posts", "posts", slices)], (), 0.0, float(len(counts))).count('class="line posts"')

    assert drawn(1, 1, 1) == 1
    assert drawn(1, 0, 1) == 2
    assert drawn(0, 0, 0) == 0


def test_a_run_that_had_no_time_is_drawn_too() -> None:
    assert plots.plot([Series("posts", "posts", [])], (), 0.0, 0.0).startswith("<svg")


def test_names_of_faults_that_lie_close_together_do_not_cover_each_other() -> None:
    marks = [Mark("a-long-name-of-a-fault", 1 + number / 10, 2) for number in range(4)]
    svg = plots.plot([], marks, 0.0, 10.0)
    assert svg.count('class="named"') == plots.LABEL_LINES
    assert svg.count('class="fault"') == 4


def test_every_key_of_the_file_is_described(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.add("one", _run(MARK), [KEPT])
    found = json.loads((tmp_path / "report.json").read_text())
    document = (Path(__file__).parents[2] / "docs" / "operators" / "drill.md").read_text("utf-8")
    described = set(re.findall(r"`(\w+)`", document))
    run = found["runs"][0]
    parts = (found, run, run["marks"][0], run["findings"][0], run["post_latency"], found["promises"][0])
    assert {key for part in parts for key in part} - {"is"} <= described
