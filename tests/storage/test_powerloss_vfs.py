"""SQLite on the disk that forgets: its promises hold there, and break exactly where its manual says they do."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from random import Random

import apsw
import pytest

from tests.support.powerloss import SECTOR_BYTES, SWALLOWED, Disk, Inode, PowerCut, Resize, Write

pytestmark = pytest.mark.filterwarnings(SWALLOWED)

SEEDS = range(200)
CONTROL_SEEDS = range(60)
THREAD_SEEDS = range(15)
LEDGERS = 3
CHECKPOINTS = (
    apsw.SQLITE_CHECKPOINT_PASSIVE,
    apsw.SQLITE_CHECKPOINT_FULL,
    apsw.SQLITE_CHECKPOINT_RESTART,
    apsw.SQLITE_CHECKPOINT_TRUNCATE,
)

Commit = tuple[int, int]
"""(ledger, number): the numbers of a ledger run from 1, one after another."""


@dataclass(frozen=True)
class Setting:
    journal_mode: str
    synchronous: str


@dataclass
class Run:
    """What the writers believe (`acknowledged` <= `attempted`), and what the disk gave back after the power loss."""

    acknowledged: set[Commit] = field(default_factory=set)
    attempted: set[Commit] = field(default_factory=set)
    found: set[Commit] = field(default_factory=set)
    damage: str | None = None

    @property
    def lost(self) -> set[Commit]:
        return self.acknowledged - self.found


# --- the writers ---


def open_all(connections: list[apsw.Connection], path: Path, disk: Disk, setting: Setting) -> None:
    """Open one connection for each ledger; each stands in the list, to be closed, before anything can fail on it."""
    for _ in range(LEDGERS):
        connections.append(apsw.Connection(str(path), vfs=disk.vfs_name))
        prepare(connections[-1], setting)


def prepare(connection: apsw.Connection, setting: Setting) -> None:
    # Ask again at once: the usual time-out sleeps ever longer, and a thread may sleep through all the others' work.
    connection.set_busy_handler(lambda asked: asked < 100_000)
    # A small cache spills pages into the log before their commit, and full auto-vacuum truncates the file.
    for pragma in ("auto_vacuum=full", "cache_size=8", "wal_autocheckpoint=0", "mmap_size=0"):
        connection.execute(f"pragma {pragma}")
    connection.execute(f"pragma journal_mode={setting.journal_mode}")
    connection.execute(f"pragma synchronous={setting.synchronous}")


def create(connection: apsw.Connection) -> None:
    with connection:
        connection.execute("create table line (ledger, number, part, parts, body, primary key (ledger, number, part))")
        connection.execute("create table total (ledger primary key, commits)")
        connection.execute("create table scratch (body)")


def body_of(ledger: int, number: int, part: int) -> bytes:
    rng = Random(f"{ledger} {number} {part}")
    return rng.randbytes(rng.choice((10, 300, 3_000, 9_000)))


def write(connection: apsw.Connection, ledger: int, number: int, rng: Random) -> None:
    """Commit one numbered transaction: several rows, a total, and pages that are freed and used again."""
    connection.execute("begin immediate")
    parts = rng.randrange(1, 5)
    rows = ((ledger, number, part, parts, body_of(ledger, number, part)) for part in range(parts))
    connection.executemany("insert into line values (?, ?, ?, ?, ?)", rows)
    connection.execute("insert into total values (?, 1) on conflict do update set commits = commits + 1", (ledger,))
    if rng.random() < 0.3:
        connection.execute("delete from scratch")
        connection.execute("insert into scratch values (zeroblob(?))", (rng.randrange(20_000),))
    connection.execute("commit")


def checkpoint(connection: apsw.Connection, rng: Random) -> None:
    if connection.pragma("journal_mode") == "wal":
        connection.wal_checkpoint(mode=rng.choice(CHECKPOINTS))


@contextlib.contextmanager
def until_power_loss(disk: Disk) -> Iterator[None]:
    """Any error of SQLite is the end of the work, provided that the power is gone."""
    try:
        yield
    except apsw.Error:
        if disk.powered:
            raise


@contextlib.contextmanager
def closing(disk: Disk, connections: list[apsw.Connection]) -> Iterator[None]:
    """Close the connections whatever happens; without power some of them complain, and are closed all the same."""
    try:
        yield
    finally:
        for connection in connections:
            with until_power_loss(disk):
                connection.close()


def write_in_turns(disk: Disk, path: Path, setting: Setting, seed: int) -> Run:
    """Let several connections commit in turns, so that everything, the cut included, follows from the seed."""
    rng, run, connections = Random(seed), Run(), list[apsw.Connection]()
    turns = rng.randrange(30, 80)
    cut_in_turn = rng.randrange(-5, turns)
    numbers = [0] * LEDGERS
    if cut_in_turn < 0:
        disk.cut_power_at(rng.randrange(1, 40))
    with until_power_loss(disk), closing(disk, connections):
        open_all(connections, path, disk, setting)
        create(connections[0])
        for turn in range(turns):
            if turn == cut_in_turn:
                disk.cut_power_at(disk.operations + rng.randrange(1, 30))
            ledger = rng.randrange(LEDGERS)
            numbers[ledger] += 1
            commit = (ledger, numbers[ledger])
            run.attempted.add(commit)
            write(connections[ledger], *commit, rng)
            run.acknowledged.add(commit)
            if rng.random() < 0.15:
                checkpoint(rng.choice(connections), rng)
        disk.cut_power_at(disk.operations)
    return run


def write_in_threads(disk: Disk, path: Path, setting: Setting, seed: int) -> Run:
    """Let each ledger commit in its own thread; the threads' order is chance, the promises are not."""
    run, connections = Run(), list[apsw.Connection]()

    def work(ledger: int) -> None:
        rng = Random(f"{seed} {ledger}")
        with until_power_loss(disk):
            for number in range(1, 16):
                run.attempted.add((ledger, number))
                write(connections[ledger], ledger, number, rng)
                run.acknowledged.add((ledger, number))
                if rng.random() < 0.15:
                    # Another thread may be at it: then this one is not needed.
                    with contextlib.suppress(apsw.BusyError):
                        checkpoint(connections[ledger], rng)

    with closing(disk, connections):
        open_all(connections, path, disk, setting)
        create(connections[0])
        disk.cut_power_at(disk.operations + Random(seed).randrange(1, 400))
        with ThreadPoolExecutor(LEDGERS) as threads:
            list(threads.map(work, range(LEDGERS)))
    return run


# --- what is left ---


def examine(run: Run, directory: Path) -> None:
    """Open what the platter holds, as a restarted server would, and note what it finds there."""
    try:
        with contextlib.closing(apsw.Connection(str(directory / "ledgers.db"))) as connection:
            connection.execute("pragma synchronous=off")
            run.damage = damage_in(connection)
            if run.damage is None and connection.table_exists(None, "total"):
                run.found = set(connection.execute("select distinct ledger, number from line"))
    except apsw.Error as error:
        run.damage = f"unreadable: {error}"


def damage_in(connection: apsw.Connection) -> str | None:
    """Name the first thing that no whole number of transactions could have left, if there is one."""
    if (verdict := connection.pragma("integrity_check")) != "ok":
        return f"integrity: {verdict}"
    if not connection.table_exists(None, "scratch"):
        return "half a schema" if connection.execute("select 1 from sqlite_schema").fetchall() else None
    rows = connection.execute("select ledger, number, part, parts, body from line order by 1, 2, 3").fetchall()
    commits = dict[int, list[int]]()
    for (ledger, number), lines in groupby(rows, key=lambda row: row[:2]):
        commits.setdefault(ledger, []).append(number)
        found = list(lines)
        parts = found[0][3]
        assert isinstance(parts, int)
        if found != [(ledger, number, part, parts, body_of(ledger, number, part)) for part in range(parts)]:
            return f"commit {ledger}/{number} is not whole"
    if commits != {ledger: list(range(1, count + 1)) for ledger, count in connection.execute("select * from total")}:
        return "totals and commits disagree, or a commit is missing before a later one"
    return None


def run_seed(folder: Path, setting: Setting, seed: int, *, threads: bool = False) -> Run:
    disk = Disk(folder / "live", seed, f"power-{setting.journal_mode}-{setting.synchronous}-{seed}-{threads}")
    path = folder / "live" / "ledgers.db"
    run = (write_in_threads if threads else write_in_turns)(disk, path, setting, seed)
    examine(run, disk.after_power_loss(folder / "after"))
    disk.close()
    assert run.found <= run.attempted
    return run


# --- promises ---


@pytest.mark.parametrize("seed", SEEDS)
def test_wal_full_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    run = run_seed(tmp_path, Setting("wal", "full"), seed)
    assert run.damage is None
    assert run.lost == set()


@pytest.mark.parametrize("seed", THREAD_SEEDS)
def test_wal_full_loses_nothing_when_threads_commit(tmp_path: Path, seed: int) -> None:
    run = run_seed(tmp_path, Setting("wal", "full"), seed, threads=True)
    assert run.damage is None
    assert run.lost == set()


def test_a_rollback_journal_is_safe_only_when_its_removal_is_synced(tmp_path: Path) -> None:
    """`extra` syncs the folder after the journal is removed, which is the commit; `full` does not."""
    extra = [run_seed(tmp_path / f"extra{seed}", Setting("delete", "extra"), seed) for seed in CONTROL_SEEDS[::2]]
    full = [run_seed(tmp_path / f"full{seed}", Setting("delete", "full"), seed) for seed in CONTROL_SEEDS[::2]]
    assert [(run.damage, run.lost) for run in extra] == [(None, set())] * len(extra)
    assert [run.damage for run in full] == [None] * len(full)
    assert any(run.lost for run in full)


# --- controls: a disk on which these pass would prove nothing ---


def test_wal_normal_loses_acknowledged_commits(tmp_path: Path) -> None:
    runs = [run_seed(tmp_path / str(seed), Setting("wal", "normal"), seed) for seed in CONTROL_SEEDS]
    assert sum(bool(run.lost) for run in runs) > len(runs) / 4


def test_wal_without_syncs_loses_acknowledged_commits_and_damages_files(tmp_path: Path) -> None:
    runs = [run_seed(tmp_path / str(seed), Setting("wal", "off"), seed) for seed in CONTROL_SEEDS]
    assert sum(bool(run.lost) for run in runs) > len(runs) / 2
    assert any(run.damage for run in runs)


# --- the model itself ---


def test_a_write_is_dropped_applied_torn_or_overtaken() -> None:
    before, first, second = (letter * 4 * SECTOR_BYTES for letter in (b"-", b"1", b"2"))
    inode = Inode(bytearray(before * 2), [Write(0, first), Write(len(first), second)])
    images = [inode.settle(Random(seed)) for seed in range(300)]
    assert {before * 2, first + second, first + before, before + second} <= set(images)
    halves = {image[: len(first)] for image in images}
    assert first[:SECTOR_BYTES] + before[SECTOR_BYTES:] in halves, "a prefix"
    assert before[:SECTOR_BYTES] + first[SECTOR_BYTES:] in halves, "a scattered part"


def test_a_torn_write_harms_no_other_sector() -> None:
    safe = bytes(range(256)) * 2 * 6
    begin, end = 2 * SECTOR_BYTES + 100, 4 * SECTOR_BYTES - 100
    inode = Inode(bytearray(safe), [Write(begin, b"x" * (end - begin))])
    images = [inode.settle(Random(seed)) for seed in range(300)]
    first, last = begin // SECTOR_BYTES * SECTOR_BYTES, -(-end // SECTOR_BYTES) * SECTOR_BYTES
    assert {image[:first] + image[last:] for image in images} == {safe[:first] + safe[last:]}
    assert any(image[first:begin] != safe[first:begin] for image in images), "its own sector is not safe"


def test_a_size_survives_with_or_without_its_bytes() -> None:
    inode = Inode(bytearray(b"old"), [Resize(0), Write(0, b"newer")])
    images = {inode.settle(Random(seed)) for seed in range(300)}
    assert {b"", b"old", b"newer", bytes(5), b"old\0\0"} <= images
    inode.sync()
    assert {inode.settle(Random(seed)) for seed in range(300)} == {b"newer"}


def test_nothing_works_without_power_and_the_platter_is_the_seed_s(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "live", 7, "power-model")
    connection = apsw.Connection(str(tmp_path / "live" / "ledgers.db"), vfs=disk.vfs_name)
    connection.execute("create table line (body)")
    disk.cut_power_at(disk.operations + 3)
    with pytest.raises(PowerCut):
        connection.execute("insert into line values (zeroblob(5000))")
    counted = disk.operations
    with pytest.raises(apsw.Error):
        connection.execute("insert into line values (1)")
    with pytest.raises(apsw.Error):
        apsw.Connection(str(tmp_path / "live" / "ledgers.db"), vfs=disk.vfs_name).pragma("user_version")
    assert (disk.powered, disk.operations) == (False, counted)
    connection.close()
    one, two = (disk.after_power_loss(tmp_path / name) for name in ("one", "two"))
    assert [(file.name, file.read_bytes()) for file in sorted(one.iterdir())] == [
        (file.name, file.read_bytes()) for file in sorted(two.iterdir())
    ]
    disk.close()


def test_a_disk_starts_from_what_an_earlier_one_kept(tmp_path: Path) -> None:
    """Power that fails again and again takes no more than power that fails once."""
    run, directory = Run(), tmp_path / "0"
    for life in range(10):
        disk = Disk(directory, life, f"power-life-{life}")
        connections = list[apsw.Connection]()
        with until_power_loss(disk), closing(disk, connections):
            open_all(connections, directory / "ledgers.db", disk, Setting("wal", "full"))
            if life == 0:
                create(connections[0])
            disk.cut_power_at(disk.operations + Random(life).randrange(20, 60))
            number = max((number for _, number in run.found), default=0)
            while True:
                number += 1
                run.attempted.add((0, number))
                write(connections[0], 0, number, Random(number))
                run.acknowledged.add((0, number))
        directory = disk.after_power_loss(tmp_path / str(life + 1))
        disk.close()
        examine(run, directory)
        assert (run.damage, run.lost) == (None, set())
    assert len(run.found) > 10


def test_a_file_outside_the_disk_is_refused(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "live", 1, "power-outside")
    with pytest.raises(apsw.CantOpenError):
        apsw.Connection(str(tmp_path / "elsewhere.db"), vfs=disk.vfs_name)
    disk.close()
