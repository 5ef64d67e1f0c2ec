"""Seven mistakes that were made before, planted into the real code one at a time: the world finds each of them."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from linnet.actions import draining
from linnet.jobs.drainer import Drainer
from linnet.storage import changes, jobs, postgres, statuses
from linnet.storage.changes import Changes, Position
from linnet.storage.database import receipted
from linnet.storage.journal import MajorityJournal
from linnet.storage.statements import Row, Statement, statement
from tests.simulation.kept import KEPT
from tests.simulation.test_seeds import SEEDS
from tests.simulation.world import Ending, run

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]


def no_receipt(patch: Patch) -> None:
    """Whoever asks again is served again."""

    async def served(tx: Any, fn: Any, operation: Any, returns: Any) -> Any:
        return await fn(tx)

    async def nothing(tx: Any, entries: Any) -> dict[str, int]:
        return {}

    patch.setattr(postgres, "receipted", served)
    patch.setattr(draining, "_filed", nothing)


def deleted_too_early(patch: Patch) -> None:
    """What is drained is taken out of the journal before the database has acknowledged it."""
    move = Drainer._move

    async def early(self: Drainer, entries: Any) -> float:
        await self._journal.drained(entries, self._lock.revision)
        return await move(self, entries)

    patch.setattr(Drainer, "_move", early)


def unordered_drain(patch: Patch) -> None:
    first = MajorityJournal.first

    async def shuffled(self: MajorityJournal, limit: int) -> Any:
        found = list(await first(self, limit))
        random.Random(len(found)).shuffle(found)
        return tuple(found)

    patch.setattr(MajorityJournal, "first", shuffled)


def counter_versions(patch: Patch) -> None:
    """After a failover, the number of a version that was lost is given again, to other words."""
    for name in ("set_version", "update_content"):
        found: Statement = getattr(statuses.SQL, name)
        texts = [
            re.sub(r"\bset version = ([$?]\d+)", r"set version = version + 1 + 0 * \1", text)
            for text in (found.postgres, found.sqlite)
        ]
        assert all("version + 1" in text for text in texts)
        patch.setitem(statuses.SQL.__dict__, name, replace(found, postgres=texts[0], sqlite=texts[1]))


def cursor_past_open_writes(patch: Patch) -> None:
    """The log is read up to the last row that is shown, though an earlier one may not be shown yet."""
    xmin = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    text = changes.SQL.read.postgres
    read = text.replace(f" and transaction_id < {xmin}", "")
    assert read != text
    understood = changes._changes

    def careless(found: list[Row], position: Position, limit: int) -> Changes:
        known = understood(found, position, limit)
        last = known.rows[-1].position if known.rows else known.position
        return replace(known, position=max(last, known.position))

    patch.setitem(changes.SQL.__dict__, "read", replace(changes.SQL.read, postgres=read))
    patch.setattr(changes, "_changes", careless)


def retry_that_does_not_write(patch: Patch) -> None:
    """What was done before is answered by looking it up, wherever else it is."""
    look_up = statement("look_up", "select result from receipts where key = :key")

    async def looked_up(tx: Any, fn: Any, operation: Any, returns: Any) -> Any:
        row = await tx.one(look_up, key=operation.key)
        if row is not None and row[0] is not None:
            return msgspec.json.decode(row[0], type=returns)
        return await receipted(tx, fn, operation, returns)

    patch.setattr(postgres, "receipted", looked_up)


def expired_lease_used(patch: Patch) -> None:
    """Whoever has lost a job goes on with it."""
    patch.setattr(jobs, "_held", lambda rows: None)


BUGS: dict[Bug, str] = {
    no_receipt: r"is there \d+ times",
    deleted_too_early: r"was accepted as \d+ and is lost",
    unordered_drain: r"is told before",
    counter_versions: r"from its cache",
    cursor_past_open_writes: r"never heard of",
    retry_that_does_not_write: r"never done|is lost|has the words",
    expired_lease_used: r"was done \d+ times",
}
"""Each with what the world says of it."""


def found(bug: Bug, patch: Patch) -> Ending | None:
    """The first of the seeds that shows it."""
    bug(patch)
    for seed in (*KEPT, *range(SEEDS)):
        ending = run(seed)
        if any(re.search(BUGS[bug], wrong) for wrong in ending.wrongs):
            return ending
    return None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found(bug, monkeypatch):
    ending = found(bug, monkeypatch)
    assert ending is not None, f"{SEEDS} worlds were too kind"
    print(f"{bug.__name__}: seed {ending.seed}, {ending.wrongs[0]}")
