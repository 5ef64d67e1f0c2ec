"""A disk with a volatile cache, as an apsw VFS, whose power can be cut at any chosen operation."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import apsw

SECTOR_BYTES = 512
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL

SWALLOWED = "ignore:(?s).*PowerCut:pytest.PytestUnraisableExceptionWarning"
"""For `pytest.mark.filterwarnings`: SQLite goes on after some errors, and apsw then has nobody to raise them to."""


class PowerCut(apsw.IOError):
    """An operation on a disk without power.

    `extendedresult` is that of the operation which the power cut interrupted, in all later ones too: SQLite keeps the
    first error of a statement (a failed sync, say), while apsw raises the last (the rollback's failed read).
    """

    def __init__(self, message: str, extendedresult: int) -> None:
        super().__init__(message)
        self.result = apsw.SQLITE_IOERR
        self.extendedresult = extendedresult


@dataclass(frozen=True, slots=True)
class Resize:
    """A truncation or extension that the platter may not hold yet. `size` in bytes."""

    size: int

    def apply(self, image: bytearray) -> None:
        del image[self.size :]
        image.extend(bytes(self.size - len(image)))


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the platter may not hold yet, `offset` in bytes."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def apply(self, image: bytearray) -> None:
        _grow(image, self.offset)
        image[self.offset : self.end] = self.data

    def lose(self, image: bytearray, rng: Random) -> None:
        """Drop the bytes; the new size may survive alone, over zeros or over what lay there before."""
        missing = self.end - len(image)
        if missing > 0 and rng.random() < 0.5:
            image.extend(rng.randbytes(missing) if rng.random() < 0.5 else bytes(missing))

    def tear(self, image: bytearray, rng: Random) -> None:
        """Apply some of the sectors: a prefix, or (the cache writes in any order) a scattered part.

        No powersafe overwrite is promised, so the sector under the head at that moment may be garbage as a whole,
        neighbouring bytes that were safe before included.
        """
        sectors = list(range(self.offset // SECTOR_BYTES, (self.end - 1) // SECTOR_BYTES + 1))
        kept = rng.randrange(len(sectors) + 1)
        if rng.random() < 0.5:
            rng.shuffle(sectors)
        for sector in sectors[:kept]:
            start = max(self.offset, sector * SECTOR_BYTES)
            end = min(self.end, (sector + 1) * SECTOR_BYTES)
            _grow(image, start)
            image[start:end] = self.data[start - self.offset : end - self.offset]
        if kept < len(sectors) and rng.random() < 0.5:
            _destroy(image, sectors[kept], rng)


@dataclass(eq=False, slots=True)
class Inode:
    """One file's bytes: what the platter holds for certain, and what has happened since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Write | Resize] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.durable)
        self.unsynced.clear()

    def settle(self, rng: Random) -> bytes:
        """Give one content that the platter may hold after the power was cut.

        Each file draws its own odds, so that "all of the database, nothing of its log" is as usual as a fair mix.
        """
        image = bytearray(self.durable)
        survive, torn = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0)), rng.choice((0.0, 0.1, 0.5))
        for change in self.unsynced:
            if isinstance(change, Write) and rng.random() < torn:
                change.tear(image, rng)
            elif rng.random() < survive:
                change.apply(image)
            elif isinstance(change, Write):
                change.lose(image, rng)
        return bytes(image)


class Directory:
    """The names in one folder: as the running process sees them, and as the platter holds them.

    A name that was made or removed is certain only after the folder itself was synced; syncing the file is not enough.
    """

    def __init__(self, names: dict[str, Inode]) -> None:
        self.live = dict(names)
        self._durable = dict(names)
        self._unsynced: list[tuple[str, Inode | None]] = []

    def set(self, name: str, inode: Inode | None) -> None:
        """Make a name, or remove it (`None`)."""
        _set_name(self.live, name, inode)
        self._unsynced.append((name, inode))

    def sync(self) -> None:
        self._durable = dict(self.live)
        self._unsynced.clear()

    def settle(self, rng: Random) -> dict[str, Inode]:
        """Give the names that the platter may hold after the power was cut."""
        names = dict(self._durable)
        survive = rng.choice((0.0, 0.5, 1.0))
        for name, inode in self._unsynced:
            if rng.random() < survive:
                _set_name(names, name, inode)
        return names


class Disk:
    """A folder on a disk that forgets what was not synced when its power is cut; one for each seed.

    The running process sees real files in `directory`, with the locks and the shared memory of SQLite's own VFS, so
    WAL works. Beside them stands a record of what a sync has made certain. What lies in `directory` at the start is
    certain. The model is stricter than most disks: each unsynced write is dropped, applied or torn by its own lot, a
    later one may survive an earlier one, and new or removed names need a sync of their folder.

    How to use it with an engine that commits in another thread (every method may be called from any thread):

        disk = Disk(tmp_path / "live", seed, f"power-{seed}")
        disk.cut_power_at(Random(seed).randrange(1, 2000))      # operations, see `operations`
        database = Engine(tmp_path / "live" / "linnet.db", vfs=disk.vfs_name)
        ...                                  # write; note an answer in a set only once the caller has received it
        ...                                  # until a write fails and `disk.powered` is false, or the work is done
        ...                                  # stop the engine; its closing may raise `apsw.IOError` too
        survivors = disk.after_power_loss(tmp_path / "after")   # cuts the power if it was still on
        disk.close()
        ...                                  # open survivors / "linnet.db" with the default VFS (or a new Disk)

    A write that failed may have survived all the same: assert `acknowledged <= found <= attempted`, and that
    each found one is whole. Mark the tests with `SWALLOWED`. All connections must be closed before `close`, and all
    must belong to this process: the record is not shared with another one.
    """

    def __init__(self, directory: Path, seed: int, vfs_name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.vfs_name = vfs_name
        self.operations = 0
        """Writes, resizes, syncs, creations and removals until now: the moments that are worth a power cut."""
        self.powered = True
        self._seed = seed
        self._cut_at: int | None = None
        self._failure = apsw.SQLITE_IOERR
        self._lock = threading.RLock()
        self._root = directory.resolve()
        self._directory = Directory(_files_in(self._root))
        self._vfs = _DiskVFS(self)

    def cut_power_at(self, operation: int | None) -> None:
        """Cut the power in the middle of that operation (the first is 1): it, and all after it, fail. None: never."""
        with self._lock:
            self._cut_at = operation

    def after_power_loss(self, into: Path) -> Path:
        """Write what the platter holds into the folder `into` and return it; the same at each call for one seed."""
        into.mkdir(parents=True)
        rng = Random(f"platter {self._seed}")
        with self._lock:
            self.powered = False
            for name, inode in sorted(self._directory.settle(rng).items()):
                (into / name).write_bytes(inode.settle(rng))
        return into

    def close(self) -> None:
        """Take the VFS out of SQLite's list; the connections that used it must be closed."""
        self._vfs.unregister()

    def name_of(self, path: str) -> str:
        """Return the name of a file in this folder; a file elsewhere could not be carried over, so it is refused."""
        if Path(path).parent != self._root:
            raise apsw.CantOpenError(f"{path} is outside the disk at {self._root}")
        return Path(path).name

    def require_power(self) -> None:
        if not self.powered:
            raise PowerCut("the power is cut", self._failure)

    @contextmanager
    def operation(self, failure: int) -> Iterator[bool]:
        """Hold the disk for one counted operation, or fail if the power has gone.

        `failure` is the extended result code. Gives whether the power lasts to the operation's end: if not, a sync has
        made nothing certain, and it fails.
        """
        with self._lock:
            self.require_power()
            self.operations += 1
            lasts = self._cut_at is None or self.operations < self._cut_at
            yield lasts
            if not lasts:
                self.powered = False
                self._failure = failure
                raise PowerCut(f"the power was cut in operation {self.operations}", failure)

    def link(self, name: str) -> Inode:
        """Return the file of that name, made now (which is an operation) if there was none."""
        with self._lock:
            inode = self._directory.live.get(name)
            if inode is None:
                inode = Inode()
                with self.operation(apsw.SQLITE_IOERR):
                    self._directory.set(name, inode)
            return inode

    def unlink(self, name: str) -> None:
        self._directory.set(name, None)

    def sync_directory(self) -> None:
        self._directory.sync()


class _DiskVFS(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        super().__init__(disk.vfs_name, "")
        self._disk = disk

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        self._disk.require_power()
        if name is None:
            # SQLite's own temporary files: nothing in them outlives the process.
            return apsw.VFSFile("", name, flags)
        return _DiskFile(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        disk = self._disk
        name = disk.name_of(filename)
        with disk.operation(apsw.SQLITE_IOERR_DELETE) as power_lasts:
            disk.unlink(name)
            super().xDelete(filename, syncdir)
            if syncdir and power_lasts:
                disk.sync_directory()

    def xAccess(self, pathname: str, flags: int) -> bool:
        self._disk.require_power()
        return super().xAccess(pathname, flags)


class _DiskFile(apsw.VFSFile):
    """A real file whose every change is recorded; locks, shared memory and file controls are inherited."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._disk = disk
        path = name if isinstance(name, str) else name.filename()
        file_name = disk.name_of(path)
        super().__init__("", name, flags)
        self._inode = disk.link(file_name)
        # SQLite's unix VFS syncs the folder with the first sync of a log that it may have made.
        self._syncs_directory = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _LOGS)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.require_power()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self._disk.operation(apsw.SQLITE_IOERR_WRITE):
            self._inode.unsynced.append(Write(offset, bytes(data)))
            super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        with self._disk.operation(apsw.SQLITE_IOERR_TRUNCATE):
            self._inode.unsynced.append(Resize(newsize))
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        # The real file is not synced: the record alone says what is certain, and hundreds of seeds stay cheap.
        with self._disk.operation(apsw.SQLITE_IOERR_FSYNC) as power_lasts:
            if not power_lasts:
                return
            self._inode.sync()
            if self._syncs_directory:
                self._disk.sync_directory()
                self._syncs_directory = False

    def xFileSize(self) -> int:
        self._disk.require_power()
        return super().xFileSize()

    def xFileControl(self, op: int, ptr: int) -> bool:
        if op != apsw.SQLITE_FCNTL_SIZE_HINT:
            return super().xFileControl(op, ptr)
        # The one control that changes the file: under a chunk size it extends it, past the record.
        with self._disk.operation(apsw.SQLITE_IOERR_WRITE):
            before = super().xFileSize()
            known = super().xFileControl(op, ptr)
            if (after := super().xFileSize()) != before:
                self._inode.unsynced.append(Resize(after))
            return known

    def xSectorSize(self) -> int:
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        """Promise nothing: no atomic, ordered, append-safe or powersafe writes, so SQLite assumes the worst."""
        return 0


def _files_in(root: Path) -> dict[str, Inode]:
    # The shared memory of WAL means nothing after a restart, and SQLite itself never opens it through a VFS's files.
    files = (path for path in root.iterdir() if path.is_file() and not path.name.endswith("-shm"))
    return {path.name: Inode(bytearray(path.read_bytes())) for path in files}


def _grow(image: bytearray, size: int) -> None:
    if len(image) < size:
        image.extend(bytes(size - len(image)))


def _destroy(image: bytearray, sector: int, rng: Random) -> None:
    start, end = sector * SECTOR_BYTES, min(len(image), (sector + 1) * SECTOR_BYTES)
    if start < end:
        image[start:end] = rng.randbytes(end - start)


def _set_name(names: dict[str, Inode], name: str, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode
