"""Finds the items of one JSON array in a stream of bytes, each bounded in size and depth, without holding the rest."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from linnet.archives.bounds import Bounds, Refusal

_STRUCTURE = re.compile(rb'["\\{}\[\]]')
# What only an item with one of these can have: a character, or a number, that no database keeps.
_ODD = re.compile(rb"\\u0000|[0-9]{19}")
_INT_MAX = 2**63 - 1


class Splitter:
    """``feed`` it bytes: it yields the raw items of the array under ``key`` of the outermost object.

    Without a key it is the outermost array, whatever stands before it (``window.YTD.tweets.part0 = [``). An item that
    is too large or too deep is yielded as the reason why. ``ended`` says whether the array was closed.
    """

    def __init__(self, key: str | None, bounds: Bounds) -> None:
        self._key = None if key is None else key.encode()
        self._bounds = bounds
        self._base = 0
        self._depth = 0
        self._level = -1
        self._in_string = False
        self._escaped = -1
        self._name = b""
        self._item: bytearray | None = None
        self._start = 0
        self._why = ""
        self.ended = False

    @property
    def begun(self) -> bool:
        """Whether the array was found at all."""
        return self._level >= 0

    def feed(self, chunk: bytes) -> Iterator[bytes | str]:
        """Chunks are small (some ten KiB): what is between two structural characters is skipped at once."""
        self._start = 0
        for match in _STRUCTURE.finditer(chunk):
            if self.ended:
                return
            at = match.start()
            if self._in_string:
                yield from self._within_string(chunk, at)
            else:
                yield from self._outside(chunk, at)
        if self._item is not None:
            self._keep(chunk[self._start :])
        self._base += len(chunk)

    def _within_string(self, chunk: bytes, at: int) -> Iterator[bytes | str]:
        place = self._base + at
        if place == self._escaped:
            return
        if chunk[at] == 0x5C:
            self._escaped = place + 1
        elif chunk[at] == 0x22:
            self._in_string = False
            if self._item is not None and self._depth in (self._level, 1 if self._level < 0 else -1):
                yield from self._finish(chunk, at)

    def _outside(self, chunk: bytes, at: int) -> Iterator[bytes | str]:
        character = chunk[at]
        if character == 0x22:
            self._in_string = True
            named = self._level < 0 and self._depth == 1 and self._key is not None
            if self._item is None and (named or self._depth == self._level):
                self._item, self._start = bytearray(), at
        elif character in b"{[":
            self._depth += 1
            if self._level < 0:
                if character == 0x5B and self._wanted():
                    self._level = self._depth
            elif self._item is None:
                self._item, self._start = bytearray(), at
            elif self._depth - self._level > self._bounds.depth:
                self._why = "is nested too deeply"
        elif character in b"}]":
            self._depth -= 1
            if self._level >= 0 and self._depth < self._level:
                self.ended = True
            elif self._item is not None and self._depth == self._level:
                yield from self._finish(chunk, at)

    def _wanted(self) -> bool:
        return self._depth == 1 if self._key is None else self._depth == 2 and self._name == self._key

    def _finish(self, chunk: bytes, at: int) -> Iterator[bytes | str]:
        self._keep(chunk[self._start : at + 1])
        item, why = bytes(self._item or b""), self._why
        self._item, self._why = None, ""
        if self._level < 0:
            self._name = item[1:-1]
        else:
            yield why or item

    def _keep(self, piece: bytes) -> None:
        if self._item is None or self._why:
            return
        if len(self._item) + len(piece) > self._bounds.item_bytes:
            self._why = f"is larger than {self._bounds.item_bytes >> 10} KiB"
        else:
            self._item += piece
        self._start = 0


def items(chunks: Iterable[bytes], file: str, key: str | None, bounds: Bounds) -> Iterator[Any]:
    """Each item of the array, decoded, or a Refusal; one more Refusal where the file ends within the array."""
    splitter = Splitter(key, bounds)
    number = 0
    for chunk in chunks:
        for raw in splitter.feed(chunk):
            number += 1
            yield _decoded(raw, f"{file}, item {number}")
        if splitter.ended:
            return
    if not splitter.begun:
        yield Refusal(file, "is not JSON of the form that was expected")
    else:
        yield Refusal(file, f"ends in the middle, after {number} items")


def document(data: bytes, file: str, bounds: Bounds) -> Any:
    """A small document as a whole, or a Refusal."""
    splitter = Splitter(None, bounds)
    found = [*splitter.feed(b"["), *splitter.feed(data.removeprefix(b"\xef\xbb\xbf")), *splitter.feed(b"]")]
    return _decoded(found[0], file) if len(found) == 1 else Refusal(file, "is not a JSON document")


def lines(chunks: Iterable[bytes], file: str, bounds: Bounds) -> Iterator[Any]:
    """JSON lines: each decoded, or a Refusal."""
    for number, raw in enumerate(raw_lines(chunks, bounds.item_bytes), 1):
        where = f"{file}, line {number}"
        if raw is None:
            yield Refusal(where, "is too long")
        elif raw.strip():
            inner = document(raw, where, bounds)
            yield inner


def raw_lines(chunks: Iterable[bytes], most: int) -> Iterator[bytes | None]:
    """Lines without their ends; None for one that is longer than ``most`` bytes."""
    rest, long = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield None if long or len(line) > most else line.rstrip(b"\r")
            long = False
        if len(rest) > most:
            rest, long = b"", True
    if rest or long:
        yield None if long else rest


def _decoded(raw: bytes | str, where: str) -> Any:
    if isinstance(raw, str):
        return Refusal(where, raw)
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal(where, "is not valid JSON")
    if _ODD.search(raw) and not _keepable(found):
        return Refusal(where, "has a character or a number that cannot be kept")
    return found


def _keepable(value: Any) -> bool:
    """Goes as deep as items may be."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return all(_keepable(key) and _keepable(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_keepable, value))
    return not isinstance(value, int) or abs(value) <= _INT_MAX
