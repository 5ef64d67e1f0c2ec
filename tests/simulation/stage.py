"""What every world begins with: accounts that follow each other, as a SQLite file's bytes; made once."""

import asyncio
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import apsw

from linnet.actions import follows
from linnet.domain.relations import FollowOptions
from linnet.domain.site import Site
from linnet.domain.views import Identity
from linnet.storage import schema
from linnet.storage.database import Operation
from linnet.system import IdMaker
from tests.simulation.machine import Clock, Loop
from tests.simulation.replica import Replica
from tests.support.client import make_account
from tests.support.databases import open_sqlite

SITE = Site("http://linnet.test")
NAMES = ("ada", "ben", "cleo", "dan", "eve")
FOLLOWS = {"ada": ("ben", "cleo", "dan", "eve"), "ben": ("ada", "cleo"), "cleo": ("ada",), "dan": ("ada", "ben")}


@dataclass(frozen=True)
class Stage:
    """The database of the first day, and who is in it."""

    snapshot: bytes
    accounts: dict[str, int]

    def follows(self, name: str) -> set[int]:
        """Whose posts stand on somebody's home timeline."""
        return {self.accounts[each] for each in (*FOLLOWS.get(name, ()), name)}

    def identity(self, name: str) -> Identity:
        return Identity(self.accounts[name], name, "user", 0, None, None, ("read", "write"), f"token of {name}")


@cache
def stage() -> Stage:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_made(Path(folder)))


async def _made(folder: Path) -> Stage:
    clock = Clock(Loop())
    clock.offset_ms = -86_400_000.0
    database = open_sqlite(folder / "linnet.db", clock, IdMaker(clock, 9, 0), synchronous="OFF")
    await schema.migrate(database, clock)
    accounts = {name: await make_account(database, name) for name in NAMES}
    for name, others in FOLLOWS.items():
        for other in others:
            asked = (database, SITE, accounts[name], accounts[other], FollowOptions())
            await follows.follow(*asked, Operation(f"{name} follows {other}"))
    await database.close()
    file = apsw.Connection(str(folder / "linnet.db"))
    file.pragma("journal_mode", "delete")
    file.execute("delete from jobs; delete from notifications; delete from changes; delete from receipts; vacuum")
    file.close()
    return Stage((folder / "linnet.db").read_bytes(), accounts)


@cache
def replicas() -> list[Replica]:
    """Two for each server; used again by one world after another."""
    return [Replica(stage().snapshot) for _ in range(6)]
