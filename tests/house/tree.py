"""The project's files as the house rules see them: which there are, their text, and Python's syntax trees."""

import ast
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LEFT_OUT = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "__pycache__"}


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of a rule. ``place`` is a path or ``path:name``; ``size`` is how far it goes (lines or a count)."""

    place: str
    size: int
    why: str


class Tree:
    """A checkout. Paths are relative to ``root``, with forward slashes, and sorted."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Everything that is tracked or would be; without git, everything that no tool made."""
        listing = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=self.root,
            capture_output=True,
            check=False,
        )
        is_checkout = listing.returncode == 0 and (self.root / ".git").exists()
        names = listing.stdout.decode().split("\0") if is_checkout else self._walk()
        return sorted(name for name in set(names) if name and (self.root / name).is_file())

    def _walk(self) -> list[str]:
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            found += [(Path(folder) / name).relative_to(self.root).as_posix() for name in names]
        return found

    def named(self, *suffixes: str, under: str = "") -> list[str]:
        return [name for name in self.files if name.endswith(suffixes) and name.startswith(under)]

    @cached_property
    def _texts(self) -> dict[str, str | None]:
        return {}

    def text(self, name: str) -> str | None:
        """None where the file is no text."""
        if name not in self._texts:
            data = (self.root / name).read_bytes()
            self._texts[name] = None if b"\0" in data else data.decode("utf-8", "replace")
        return self._texts[name]

    def lines(self, name: str) -> list[str]:
        return (self.text(name) or "").splitlines()

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """Every Python file's syntax tree, by path."""
        return {name: ast.parse(self.text(name) or "", name) for name in self.named(".py")}


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: ast.Module) -> list[tuple[str, Function]]:
    """Every function with its dotted name, nested ones and methods too."""
    found: list[tuple[str, Function]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                found.append((f"{prefix}{child.name}", child))
            named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            visit(child, f"{prefix}{child.name}." if named else prefix)  # type: ignore[attr-defined]

    visit(module, "")
    return found


def last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c`` and of ``c``; otherwise nothing."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as text, or nothing where it is no plain chain of names."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""
