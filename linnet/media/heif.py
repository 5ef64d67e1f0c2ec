"""Finds the picture in a HEIC file: its tiles, how they lie, and how it is turned. PURE; ISO 23008-12, 14496-12.

Of all that such a file may hold only the primary picture is read: one coded in HEVC, or a grid of such tiles, as
telephones make it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from linnet.domain.errors import Invalid

_TILES_MAX = 1_024
_ITEMS_MAX = 2_048
_CODED = b"hvc1"


@dataclass(frozen=True, slots=True)
class Heif:
    """The primary picture. ``tiles`` (configuration and coded bytes of each) fill ``columns`` from the upper left.

    ``quarters`` is how often it is turned to the left by 90 degrees; ``mirror`` is ``horizontal``, ``vertical`` or ''.
    """

    width: int
    height: int
    columns: int
    tiles: tuple[tuple[bytes, bytes], ...]
    quarters: int
    mirror: str


def read(data: bytes) -> Heif:
    """Raises ``Invalid("file", …)`` for what cannot be read; takes time linear in its length."""
    try:
        return _File(data).picture()
    except (IndexError, KeyError, ValueError):
        raise Invalid("file", "is incomplete or damaged") from None


class _File:
    def __init__(self, data: bytes) -> None:
        self._data = data
        meta = dict(_boxes(data, 0, len(data)))[b"meta"]
        inner = dict(_boxes(data, meta[0] + 4, meta[1]))
        self._idat = inner.get(b"idat", (0, 0))
        self._kinds = dict(self._items(*inner[b"iinf"]))
        self._places = self._locations(*inner[b"iloc"])
        self._primary = _number(data, inner[b"pitm"][0] + 4, 2 if data[inner[b"pitm"][0]] == 0 else 4)
        self._parts = self._references(*inner[b"iref"]) if b"iref" in inner else {}
        properties = dict(_boxes(data, *inner[b"iprp"]))
        self._properties = list(_boxes(data, *properties[b"ipco"]))
        self._owned = self._associations(*properties[b"ipma"])

    def picture(self) -> Heif:
        primary, data = self._primary, self._data
        owned = self._of(primary)
        size = owned[b"ispe"][0] + 4
        width, height = _number(data, size, 4), _number(data, size + 4, 4)
        columns, tiles = 1, [primary]
        if self._kinds[primary] == b"grid":
            grid = self._content(primary)
            rows, columns = grid[2] + 1, grid[3] + 1
            tiles = self._parts[primary][: rows * columns]
            if len(tiles) != rows * columns or len(tiles) > _TILES_MAX:
                raise ValueError("a grid without its tiles")
        if any(self._kinds[tile] != _CODED for tile in tiles):
            raise Invalid("file", "is a HEIC picture of an unknown kind; send JPEG, PNG, GIF, WebP, AVIF or HEIC")
        turn, mirror = owned.get(b"irot"), owned.get(b"imir")
        return Heif(
            width, height, columns, tuple(self._tile(tile) for tile in tiles),
            data[turn[0]] & 3 if turn else 0,
            ("horizontal" if data[mirror[0]] & 1 else "vertical") if mirror else "",
        )  # fmt: skip

    def _tile(self, item: int) -> tuple[bytes, bytes]:
        start, end = self._of(item)[b"hvcC"]
        return self._data[start:end], self._content(item)

    def _of(self, item: int) -> dict[bytes, tuple[int, int]]:
        return dict(self._properties[number - 1] for number in self._owned[item] if number)

    def _content(self, item: int) -> bytes:
        inside, extents = self._places[item]
        start = self._idat[0] if inside else 0
        end = self._idat[1] if inside else len(self._data)
        found = b"".join(self._data[start + at : start + at + size] for at, size in extents)
        if any(start + at + size > end for at, size in extents) or not found:
            raise ValueError("a picture outside of its file")
        return found

    def _items(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        wide = self._data[at] != 0
        for name, (start, _) in _boxes(self._data, at + (8 if wide else 6), end):
            if name == b"infe":
                number = 2 if self._data[start] == 2 else 4
                kind = start + 4 + number + 2
                yield _number(self._data, start + 4, number), self._data[kind : kind + 4]

    def _locations(self, at: int, end: int) -> dict[int, tuple[bool, list[tuple[int, int]]]]:
        data, version = self._data, self._data[at]
        offsets, lengths = data[at + 4] >> 4, data[at + 4] & 15
        bases, indices = data[at + 5] >> 4, data[at + 5] & 15 if version else 0
        wide = 4 if version == 2 else 2
        count, at = _number(data, at + 6, wide), at + 6 + wide
        found: dict[int, tuple[bool, list[tuple[int, int]]]] = {}
        for _ in range(min(count, _ITEMS_MAX)):
            item, at = _number(data, at, wide), at + wide
            inside = bool(version and data[at + 1] & 15 == 1)
            at += 4 if version else 2
            base, at = _number(data, at, bases), at + bases
            extents, at = _number(data, at, 2), at + 2
            places = []
            for _ in range(min(extents, _ITEMS_MAX)):
                at += indices
                places.append((base + _number(data, at, offsets), _number(data, at + offsets, lengths)))
                at += offsets + lengths
            if at > end:
                raise ValueError("more places than there is room for")
            found[item] = (inside, places)
        return found

    def _references(self, at: int, end: int) -> dict[int, list[int]]:
        wide = 4 if self._data[at] else 2
        found = {}
        for name, (start, _) in _boxes(self._data, at + 4, end):
            if name == b"dimg":
                count = _number(self._data, start + wide, 2)
                first = start + wide + 2
                parts = [_number(self._data, first + n * wide, wide) for n in range(min(count, _TILES_MAX))]
                found[_number(self._data, start, wide)] = parts
        return found

    def _associations(self, at: int, end: int) -> dict[int, list[int]]:
        data, wide, large = self._data, 4 if self._data[at] else 2, self._data[at + 3] & 1
        count, at = _number(data, at + 4, 4), at + 8
        found = {}
        for _ in range(min(count, _ITEMS_MAX)):
            item, number, at = _number(data, at, wide), data[at + wide], at + wide + 1
            size = 2 if large else 1
            mask = 0x7FFF if large else 0x7F
            found[item] = [_number(data, at + n * size, size) & mask for n in range(number)]
            at += number * size
        if at > end:
            raise ValueError("more properties than there is room for")
        return found


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Name, and where its content begins and ends."""
    while at + 8 <= end:
        length, head = _number(data, at, 4), 8
        if length == 1:
            length, head = _number(data, at + 8, 8), 16
        length = length or end - at
        if length < head or at + length > end:
            raise ValueError("a box that is cut off")
        yield data[at + 4 : at + 8], (at + head, at + length)
        at += length


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")
