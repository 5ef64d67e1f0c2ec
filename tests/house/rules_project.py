"""The rules about the project as a whole: the map, stated reasons, everything used in a test, no foreign addresses."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.tree import Finding, Tree, last_name

MAP = "docs/architecture.md"
# Written in pieces, so that this file obeys its own rule.
REGISTRIES = re.compile("|".join((r"\bpypi\." + "org", r"python" + "hosted", r"registry\." + "npmjs", r"\bdev" + "pi")))
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|farm|root|home/\w+|Users/\w+|opt/wheels)/")
LOCKED_ADDRESS = re.compile(r"\w+://|^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links)\b")


# ------------------------------------------------------------------------------------------------------- the map


def map_of_folders(tree: Tree) -> Iterator[Finding]:
    """The map's first code block that opens with ``linnet/`` lists every folder there is, and no other."""
    if MAP not in tree.files:
        yield Finding(MAP, 1, "is missing")
        return
    drawn = _drawn_folders(tree.lines(MAP))
    there = {
        parent.as_posix()
        for name in tree.files
        if name.startswith("linnet/")
        for parent in PurePosixPath(name).parents
        if parent.parts[:1] == ("linnet",) and len(parent.parts) > 1
    }
    for folder in sorted(there - drawn):
        yield Finding(f"{MAP}:{folder}", 1, "this folder stands nowhere in the map (one line each, indented, 'name/')")
    for folder in sorted(drawn - there):
        yield Finding(f"{MAP}:{folder}", 1, "the map draws a folder that does not exist")


def _drawn_folders(lines: list[str]) -> set[str]:
    """Each line of the block that begins with ``name/`` is a folder; its indentation says whose."""
    folders: set[str] = set()
    parents: list[tuple[int, str]] = []
    fenced = False
    for line in lines:
        if line.startswith("```"):
            if parents:
                break
            fenced = not fenced
        entry = re.match(r"( *)([\w-]+)/(?:\s|$)", line)
        if not fenced or not entry or not (parents or entry[2] == "linnet"):
            continue
        depth = len(entry[1])
        parents = [parent for parent in parents if parent[0] < depth]
        path = "/".join([*(name for _, name in parents), entry[2]])
        parents.append((depth, entry[2]))
        if "/" in path:
            folders.add(path)
    return folders


def stated_exceptions(tree: Tree) -> Iterator[Finding]:
    """Where the two engines part, the file's first line says why."""
    for name in tree.named(".postgres.sql"):
        first = next(iter(tree.lines(name)), "")
        if not re.match(r"-- \S+( \S+){3,}", first):
            yield Finding(name, 1, "its first line is not '-- <the reason why one text does not serve both engines>'")


# ---------------------------------------------------------------------------------------------- used in some test


def unused_errors(tree: Tree) -> Iterator[Finding]:
    """Each class of error that leaves its module is raised or expected by some test.

    What others derive from is used through them; what a module only says to itself is tested through its effect.
    """
    words = _words_of_tests(tree)
    classes, bases = _error_classes(tree)
    for name, path in sorted(classes.items()):
        if name not in bases and name not in words and _leaves(tree, name, path):
            yield Finding(f"{path}:{name}", 1, "no test knows this error")


def _leaves(tree: Tree, name: str, path: str) -> bool:
    """Whether it is made for others: it stands among the domain's errors, or another module names it."""
    elsewhere = (module for other, module in tree.modules.items() if other.startswith("linnet/") and other != path)
    return path == "linnet/domain/errors.py" or any(
        name in {last_name(node)} | {alias.name for alias in getattr(node, "names", ()) if isinstance(alias, ast.alias)}
        for module in elsewhere
        for node in ast.walk(module)
    )


def _error_classes(tree: Tree) -> tuple[dict[str, str], set[str]]:
    """The exceptions that Linnet defines, each with its file, and the names that serve as a base."""
    parents: dict[str, list[str]] = {}
    paths = {}
    for path, module in tree.modules.items():
        if path.startswith("linnet/"):
            for node in ast.walk(module):
                if isinstance(node, ast.ClassDef):
                    parents[node.name] = [last_name(base) for base in node.bases]
                    paths[node.name] = path

    def is_error(name: str, seen: frozenset[str] = frozenset()) -> bool:
        if name in seen:
            return False
        known = parents.get(name)
        if known is None:
            return name.endswith(("Exception", "Error", "Interrupt", "Exit"))
        return any(is_error(base, seen | {name}) for base in known)

    errors = {name: paths[name] for name in parents if is_error(name)}
    return errors, {base for bases in parents.values() for base in bases}


def unused_job_kinds(tree: Tree) -> Iterator[Finding]:
    """Each kind of job in the table ``JOB_HANDLERS`` of linnet/app.py occurs in some test."""
    words = _words_of_tests(tree)
    for kind, handler in _table(tree, "linnet/app.py", "JOB_HANDLERS"):
        if kind not in words and handler not in words:
            yield Finding(f"linnet/app.py:{kind}", 1, "no test runs this kind of job")


def _table(tree: Tree, path: str, name: str) -> Iterator[tuple[str, str]]:
    """Key and value, as words, of each row of a module's dict called ``name``."""
    module = tree.modules.get(path)
    for node in ast.walk(module) if module else ():
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Dict):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if name in map(last_name, targets):
            for key, row in zip(node.value.keys, node.value.values, strict=True):
                if key is not None:
                    yield (str(key.value) if isinstance(key, ast.Constant) else last_name(key)), last_name(row)


def unused_config_keys(tree: Tree) -> Iterator[Finding]:
    """Each field of the classes in linnet/config.py is set by some test: as an argument, option or variable."""
    words = _words_of_tests(tree, attributes=False)
    module = tree.modules.get("linnet/config.py")
    for node in ast.walk(module) if module else ():
        for field in node.body if isinstance(node, ast.ClassDef) else ():
            if not isinstance(field, ast.AnnAssign) or (key := last_name(field.target)).startswith("_"):
                continue
            if words.isdisjoint({key, key.replace("_", "-"), f"--{key.replace('_', '-')}", f"LINNET_{key.upper()}"}):
                yield Finding(f"linnet/config.py:{key}", 1, "no test sets this option")


def _words_of_tests(tree: Tree, attributes: bool = True) -> set[str]:
    """Names, arguments and the words of texts in the tests' code: no comments, no docstrings, not this folder."""
    words: set[str] = set()
    for name, module in tree.modules.items():
        if not name.startswith("tests/") or name.startswith("tests/house/"):
            continue
        sentences = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in sentences:
                words.update(re.findall(r"[\w.-]+", node.value))
            elif isinstance(node, ast.keyword) and node.arg:
                words.add(node.arg)
            elif attributes and (used := last_name(node)):
                words.add(used)
    return words


# ------------------------------------------------------------------------------------------------ nothing foreign


def foreign_addresses(tree: Tree) -> Iterator[Finding]:
    """No package registry and no path of somebody's machine in what is published; no address at all in a lock."""
    for name in tree.files:
        locked = name.startswith("requirements/")
        for number, line in enumerate(tree.lines(name), start=1):
            if REGISTRIES.search(line) or (locked and LOCKED_ADDRESS.search(line)):
                yield Finding(name, 1, f"line {number} names a package registry or an address")
            elif MACHINE_PATHS.search(line):
                yield Finding(name, 1, f"line {number} names a path of one machine")


def unpinned_packages(tree: Tree) -> Iterator[Finding]:
    """Every package in a lock has its exact version and its hashes."""
    for name in tree.named(".txt", under="requirements/"):
        text = (tree.text(name) or "").replace("\\\n", " ")
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                pinned = re.match(r"[a-z0-9._-]+==[\w.!+]+ ", line) and "--hash=sha256:" in line
                if not pinned:
                    yield Finding(f"{name}:{line.split()[0]}", 1, "has no exact version or no hash")
