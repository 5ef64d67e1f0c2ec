"""The report of a drill: what was promised and what was found, as JSON for programs and as a page for people."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from linnet.drill import page, runs
from linnet.drill.findings import Finding
from linnet.drill.records import Evidence
from linnet.drill.runs import Promise, Run

SCHEMA = 1
FILE = "report.json"


class Unlike(Exception):
    """The report of an earlier drill cannot be gone on with; the sentence says why."""


class _Earlier(msgspec.Struct):
    schema: int
    versions: dict[str, str]
    runs: list[Run]
    notes: list[str]


class Report:
    """Grows by one run after another, and is written anew each time: whoever ends the drill has what there was."""

    def __init__(self, folder: Path, title: str = "Drill", versions: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.title = title
        self.versions = dict(versions or {})
        self.runs: list[Run] = []
        self.notes: list[str] = []
        """Sentences about the drill as a whole, such as that it was ended before its time."""

    def resume(self, rate: float, reads: float) -> None:
        """Takes over what stands in the folder already, if anything does. What was not finished is to be run again.

        Raises Unlike where that was measured with something else, or at another load.
        """
        path = self.folder / FILE
        if not path.exists():
            return
        try:
            earlier = msgspec.json.decode(path.read_bytes(), type=_Earlier)
        except msgspec.MsgspecError as error:
            raise Unlike(f"{path} is no report of this version: {error}") from None
        unlike = [name for name, version in self.versions.items() if earlier.versions.get(name) != version]
        if earlier.schema != SCHEMA or unlike:
            raise Unlike(f"{path} was measured with another {unlike[0] if unlike else 'drill'}")
        if any((run.rate, run.reads) != (rate, reads) for run in earlier.runs):
            run = earlier.runs[0]
            raise Unlike(f"{path} was measured at {run.rate:g} posts and {run.reads:g} reads a second")
        self.runs = [run for run in earlier.runs if not run.unfinished]
        self.notes = earlier.notes

    def has(self, name: str) -> bool:
        return any(run.name == name for run in self.runs)

    @property
    def verdict(self) -> bool | None:
        return runs.verdict(self.runs)

    @property
    def broken(self) -> bool:
        return self.verdict is False

    def add(
        self,
        name: str,
        evidence: Evidence,
        findings: Sequence[Finding],
        notes: Sequence[str] = (),
        *,
        unfinished: bool = False,
    ) -> Run:
        run = runs.summary(name, evidence, findings, notes, unfinished=unfinished)
        self.runs.append(run)
        self.write()
        return run

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.write()

    def promises(self) -> list[Promise]:
        return runs.promises(self.runs)

    def table(self) -> str:
        """The promises for a terminal."""
        rows = [(one.promise, one.bar, one.measured, _WORDS[one.verdict]) for one in self.promises()]
        return aligned((("PROMISE", "BAR", "WORST MEASURED", ""), *rows))

    def write(self) -> None:
        """Both files; each is there whole or as it was."""
        _replace(self.folder / FILE, self.as_json())
        _replace(self.folder / "report.html", page.rendered(self.title, self.versions, self.notes, self.runs).encode())

    def as_json(self) -> bytes:
        """What docs/operators/drill.md describes."""
        made = datetime.fromtimestamp(max((run.began_ms for run in self.runs), default=0) / 1000, UTC)
        return msgspec.json.format(
            msgspec.json.encode(
                {
                    "schema": SCHEMA,
                    "title": self.title,
                    "last_run_at": made.isoformat(),
                    "versions": self.versions,
                    "kept": self.verdict,
                    "notes": self.notes,
                    "promises": [{**one._asdict(), "verdict": one.verdict} for one in self.promises()],
                    "runs": [{**msgspec.to_builtins(run), "verdict": run.verdict} for run in self.runs],
                }
            ),
            indent=1,
        )


_WORDS = {True: "kept", False: "BROKEN", None: "–"}


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(f"{path.suffix}.new")
    new.write_bytes(data)
    new.replace(path)
