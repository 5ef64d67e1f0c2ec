"""Patroni, as a node runs it: ``python -m linnet.cluster.patroni_program CONFIGURATION``.

Patroni starts PostgreSQL from a fresh interpreter, which needs one function of one file of it, and imports all of
Patroni to find it: half a second of a processor, several on a machine that has just lost its primary.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from multiprocessing import spawn
from typing import Any

HEAVY = "patroni.postgresql"
NEEDED = "patroni.postgresql.postmaster"


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

    outlive()
    main()
