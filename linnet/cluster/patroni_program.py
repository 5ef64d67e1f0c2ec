"""Patroni, as a node runs it: ``python -m linnet.cluster.patroni_program CONFIGURATION``.

Patroni starts PostgreSQL from a fresh interpreter, which needs one function of one file of it, and imports all of
Patroni to find it: half a second of a processor, several on a machine that has just lost its primary.

And it is in no hurry where every moment is one in which no commit is acknowledged: it sleeps for two seconds where the
lock is taken within a tenth of one, and a new primary looks once a second whether its standbys follow it.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import time
import types
from multiprocessing import spawn
from typing import Any

HEAVY = "patroni.postgresql"
NEEDED = "patroni.postgresql.postmaster"
LOCK_SLEEP_SECONDS, LOCK_SECONDS = 2.0, 0.4
"""So long Patroni (4.1.5) sleeps in a switchover for somebody else to take the lock, and so long it does here. Who then
sees no leader yet looks again when there is one."""
YOUNG_SECONDS, LOOK_SECONDS = 4.0, 0.1
"""A primary that is new waits for all that followed the last one; so long, it looks so often who of them is there."""

SILENT_SECONDS = 5.0
"""So long Patroni's own port waits for the next byte of whoever has connected."""


def lighten() -> None:
    """Imports what starts PostgreSQL without the package around it; where that fails, all of it will be imported."""
    found = importlib.util.find_spec(HEAVY)
    if found is None or not found.submodule_search_locations:
        return
    bare = importlib.machinery.ModuleSpec(HEAVY, None, is_package=True)
    bare.submodule_search_locations = found.submodule_search_locations
    sys.modules[HEAVY] = importlib.util.module_from_spec(bare)
    try:
        importlib.import_module(NEEDED)
    except Exception:  # boundary: whatever another version needs of the package
        del sys.modules[HEAVY]
        sys.modules.pop(NEEDED, None)


def hurry() -> None:
    """Of Patroni, one module alone sleeps for locks, and looks who follows."""
    importlib.import_module(HEAVY)  # What that imports can be imported in this order only.
    ha: Any = importlib.import_module("patroni.ha")
    watch = ha.Ha.watch
    leads_since: float | None = None

    def sleep(seconds: float) -> None:
        time.sleep(LOCK_SECONDS if seconds == LOCK_SLEEP_SECONDS else seconds)

    def look(self: Any, timeout: float) -> bool:
        nonlocal leads_since
        now = time.monotonic()
        leads_since = (leads_since or now) if self.has_lock(False) else None
        if leads_since is None or now - leads_since > YOUNG_SECONDS:
            return bool(watch(self, timeout))
        watch(self, min(timeout, LOOK_SECONDS))
        return True  # The next look is due now, and the one after it counts from here.

    ha.time = types.SimpleNamespace(**{**vars(time), "sleep": sleep})
    ha.Ha.watch = look


def let_go() -> None:
    """Whoever says nothing would keep one of few threads of Patroni's own port for good: a handshake has no bound."""
    server: Any = importlib.import_module("patroni.api").RestApiServer
    answer = server.process_request_thread

    def answer_in_time(self: Any, request: Any, address: Any) -> None:
        (request[1] if isinstance(request, tuple) else request).settimeout(SILENT_SECONDS)
        answer(self, request, address)

    server.process_request_thread = answer_in_time


def outlive() -> None:
    """Whoever is started by this process imports its main module first. Where that has gone meanwhile, as after an
    older version was installed, he is started without: else PostgreSQL never would be."""
    prepared = spawn.get_preparation_data

    def preparation(name: str) -> dict[str, Any]:
        data = prepared(name)
        module = data.get("init_main_from_name")
        if module is not None and importlib.util.find_spec(module) is None:
            del data["init_main_from_name"]
        return data

    spawn.get_preparation_data = preparation


if __name__ == "__mp_main__":
    lighten()
elif __name__ == "__main__":
    from patroni.__main__ import main  # type: ignore[import-untyped]

    hurry()
    let_go()
    outlive()
    main()
