"""SQLite files as files: a copy of one that is in use, and whether one is whole."""

from collections.abc import Callable
from pathlib import Path

import apsw

from linnet.domain.errors import Unavailable

PAGES = 2_000
"""Pages that are copied at once, between two calls of ``progress``."""


def copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copies one moment of a database that others go on writing; ``progress`` is told pages done and pages in all.

    The copy stands in one file, without a log. Raises Unavailable.
    """
    try:
        reading, writing = apsw.Connection(str(source)), apsw.Connection(str(target))
        try:
            # The snapshot that is held open here is what the whole copy is of, whatever is committed meanwhile.
            reading.execute("begin; select count(*) from sqlite_schema")
            with writing.backup("main", reading, "main") as copying:
                while not copying.done:
                    copying.step(PAGES)
                    progress(copying.page_count - copying.remaining, copying.page_count)
            writing.pragma("journal_mode", "delete")
        finally:
            writing.close()
            reading.close()
    except apsw.Error as error:
        raise Unavailable(f"The database could not be copied ({error})") from error


def faults(path: Path, *, quick: bool = False, most: int = 20) -> list[str]:
    """What is broken in a database file, in SQLite's words; nothing where it is whole. Changes nothing."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = connection.execute(f"pragma {'quick_check' if quick else 'integrity_check'}({most})").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        return [str(error)]
    return [str(row[0]) for row in found if row[0] != "ok"]
