"""Files that only grow: what is asked for is there before it is sent, what was answered as soon as it is known."""

import os
from pathlib import Path
from typing import BinaryIO

from linnet.drill import records
from linnet.drill.records import Deed, Heard, Read, Record

LEDGER, READS, STREAMS = "ledger.jsonl", "reads.jsonl", "streams.jsonl"
HELD_BYTES = 1 << 16
"""So much of what was read may stand in memory alone; of posts, nothing."""


class Ledger:
    """The three files of a run, and the same in memory. Whoever kills the drill finds the posts in the first file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.records: list[Record] = []
        self._posts = _begun(folder / LEDGER, 0)
        self._reads = _begun(folder / READS, HELD_BYTES)
        self._streams = _begun(folder / STREAMS, 0)

    def write(self, record: Record) -> None:
        self.records.append(record)
        if isinstance(record, Read | Deed):
            file = self._reads
        else:
            file = self._streams if isinstance(record, Heard) else self._posts
        file.write(records.lines((record,)))

    def close(self) -> None:
        for file in (self._posts, self._reads, self._streams):
            file.close()


def _begun(path: Path, held: int) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
    return os.fdopen(descriptor, "wb", held)
