"""Pictures that were made safe: their files are on the disk before a row names them, and go when none does."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from linnet.domain import files
from linnet.domain.errors import Invalid
from linnet.domain.profiles import PictureKeys
from linnet.ports import Blobs, Chance, Picture


class Stored(NamedTuple):
    """The keys of a picture's files, by their stems."""

    keys: Mapping[str, str]

    @property
    def original(self) -> str:
        return self.keys["original"]

    @property
    def static(self) -> str:
        """What does not move."""
        return self.keys.get("static", self.original)

    @property
    def small(self) -> str:
        """'' where there is none."""
        return self.keys.get("small", "")

    @property
    def likeness(self) -> PictureKeys:
        """As profiles keep it."""
        return PictureKeys(self.original, self.static)


async def store(blobs: Blobs, chance: Chance, room: files.Room, owner: int, picture: Picture) -> Stored:
    """Keeps all files of a picture, in a folder of their own that nobody can guess. Raises Unavailable."""
    folder = files.folder(room, owner, chance.secret(files.SECRET_BYTES))
    return await store_in(blobs, folder, picture)


async def store_in(blobs: Blobs, folder: str, picture: Picture) -> Stored:
    keys = {name.partition(".")[0]: files.key(folder, name) for name in picture.files}
    if not keys:
        raise Invalid("file", "is not a picture that can be shown")
    for name, data in picture.files.items():
        await blobs.put(files.key(folder, name), data)
    return Stored(keys)


async def forget(blobs: Blobs, keys: Iterable[str | None]) -> None:
    """Deletes files that no row names."""
    for key in dict.fromkeys(filter(None, keys)):
        await blobs.delete(key)
