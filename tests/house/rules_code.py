"""The rules about code: sizes, opening sentences, caught exceptions, names, and what a test must be."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.tree import Finding, Function, Tree, dotted, functions, last_name

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
SOURCE = (".py", ".sql", ".sh", ".js", ".css", ".html")
# Names that say nothing: whatever is put there, a noun is missing.
EMPTY_NAMES = {"utils", "util", "common", "core", "helpers", "helper", "models", "manager", "managers", "misc"}


def file_length(tree: Tree) -> Iterator[Finding]:
    for name in tree.named(*SOURCE):
        size = len(tree.lines(name))
        if size > FILE_LINES_MAX:
            yield Finding(name, size, f"{size} lines; more than {FILE_LINES_MAX} want to be two rooms")


def function_length(tree: Tree) -> Iterator[Finding]:
    for name, module in tree.modules.items():
        for function, node in functions(module):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LINES_MAX:
                yield Finding(f"{name}:{function}", size, f"{size} lines; at most {FUNCTION_LINES_MAX}")


def opening_sentence(tree: Tree) -> Iterator[Finding]:
    for name, module in tree.modules.items():
        opening = (ast.get_docstring(module) or "").split("\n\n")[0].strip()
        if not opening.endswith((".", "!", "?")) or len(opening.split()) < 3:
            yield Finding(name, 1, "opens without a docstring whose first paragraph is a sentence")


def broad_except(tree: Tree) -> Iterator[Finding]:
    """Catching everything is for the edges, and there it says why: ``except Exception:  # boundary: <why>``."""
    for name, module in tree.modules.items():
        lines = tree.lines(name)
        for node in ast.walk(module):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
                line = lines[node.lineno - 1]
                if not re.search(r"# boundary: \w+ +\w+", line):
                    yield Finding(name, 1, f"line {node.lineno} catches everything without '# boundary: <why>'")


def _catches_all(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_all(one) for one in caught.elts)
    return caught is None or last_name(caught) in {"Exception", "BaseException"}


def empty_names(tree: Tree) -> Iterator[Finding]:
    for name in tree.modules:
        path = PurePosixPath(name).with_suffix("")
        if bad := EMPTY_NAMES.intersection(path.parts):
            yield Finding(name, 1, f"'{min(bad)}' names nothing: find the noun")


# ---------------------------------------------------------------------------------------------------------- of tests


def sleeping_tests(tree: Tree) -> Iterator[Finding]:
    """Tests poll with a deadline (tests/support) or use virtual time, as all of tests/simulation does.

    ``asyncio.sleep(0)`` only yields.
    """
    for name, module in tree.modules.items():
        if not name.startswith("tests/") or name.startswith(("tests/support/", "tests/simulation/")):
            continue
        origins = _imported_names(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and _sleeps(node, origins):
                yield Finding(name, 1, f"line {node.lineno} sleeps")


def _imported_names(module: ast.Module) -> dict[str, str]:
    """What each imported name stands for: ``{"nap": "time.sleep"}`` for ``from time import sleep as nap``."""
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return names


def _sleeps(call: ast.Call, origins: dict[str, str]) -> bool:
    first, _, rest = dotted(call.func).partition(".")
    called = ".".join(filter(None, (origins.get(first, first), rest)))
    if called == "asyncio.sleep":
        argument = call.args[0] if call.args else None
        return not (isinstance(argument, ast.Constant) and argument.value == 0)
    return called == "time.sleep" or last_name(call.func) == "wait_for_timeout"


def toothless_tests(tree: Tree) -> Iterator[Finding]:
    """A test that asserts nothing cannot fail."""
    for name, module in tree.modules.items():
        if not (name.startswith("tests/") and PurePosixPath(name).name.startswith("test_")):
            continue
        defined = dict(functions(module))
        by_last_name = {function.rpartition(".")[2]: node for function, node in defined.items()}
        for function, node in defined.items():
            if node.name.startswith("test_") and not _can_fail(node, by_last_name, set()):
                yield Finding(f"{name}:{function}", 1, "asserts nothing, so it cannot fail")


def _can_fail(node: Function, defined: dict[str, Function], seen: set[str]) -> bool:
    seen.add(node.name)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert) and not isinstance(inner.test, ast.Constant):
            return True
        if isinstance(inner, ast.Call):
            called = last_name(inner.func)
            if dotted(inner.func) in {"pytest.raises", "pytest.warns", "pytest.fail"}:
                return True
            if called == "expect" or called.startswith(("assert_", "run_state_machine_as_test")):
                return True
            if called in defined and called not in seen and _can_fail(defined[called], defined, seen):
                return True
    return False
