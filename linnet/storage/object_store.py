"""Keeps files in a bucket that speaks S3, for servers whose machines share no folder."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from linnet.domain.errors import Invalid, Unavailable
from linnet.domain.files import is_key
from linnet.storage.blobs import nameless
from linnet.telemetry import log

_PIECE = 256 << 10
_PATIENCE = timedelta(seconds=30)
# Some of the library's own errors are Python's: a bucket that is not there is a file that is not found.
_FAILED = (BaseError, OSError)


class ObjectBlobs:
    """``ports.Blobs`` over a bucket. ``scratch`` is a folder of this machine, for files on their way.

    The key and its secret are taken from ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, or from what the machine
    itself was given (AWS's roles). A put is lasting when the store has confirmed it: that is what S3 promises.
    """

    def __init__(self, bucket: str, prefix: str, scratch: Path, *, endpoint: str = "", region: str = "") -> None:
        self._scratch = scratch
        more = {name: value for name, value in (("endpoint", endpoint), ("region", region)) if value}
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": timedelta(minutes=2)},
            retry_config={"max_retries": 4, "retry_timeout": _PATIENCE},
            **more,  # type: ignore[arg-type]
        )

    async def check(self) -> None:
        """Raises ``Unavailable`` where the bucket cannot be read."""
        try:
            async for _ in obstore.list(self._store, chunk_size=1):
                return
        except _FAILED as error:
            raise _unavailable(error) from error

    async def put(self, key: str, data: bytes) -> None:
        """``Invalid`` for what is no key, ``Unavailable`` where the store does not take it."""
        await self._put(key, data)

    async def put_file(self, key: str, file: BinaryIO) -> None:
        """In parts: it never stands in memory whole."""
        file.seek(0)
        await self._put(key, file)

    async def get(self, key: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, _known(key))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except _FAILED as error:
            raise _unavailable(error) from error

    async def fetch(self, key: str) -> BinaryIO | None:
        """A copy without a name, which goes when it is closed."""
        size = await self._size(key)
        if size is None:
            return None
        return await nameless(self.stream(key, 0, size), self.scratch)

    async def delete(self, key: str) -> None:
        try:
            await obstore.delete_async(self._store, _known(key))
        except FileNotFoundError:
            return
        except _FAILED as error:
            raise _unavailable(error) from error

    async def open(self, key: str) -> tuple[Path | None, int] | None:
        size = await self._size(key)
        return None if size is None else (None, size)

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:
            return
        try:
            found = await obstore.get_async(self._store, _known(key), options={"range": (start, end)})
            async for piece in found.stream(min_chunk_size=_PIECE):
                yield bytes(piece)
        except _FAILED as error:
            raise _unavailable(error) from error

    async def keys(self) -> AsyncIterator[str]:
        """All keys, in no order; a file stored or deleted meanwhile may be among them or not."""
        try:
            async for batch in obstore.list(self._store, chunk_size=500):
                for entry in batch:
                    if is_key(entry["path"]):
                        yield entry["path"]
        except _FAILED as error:
            raise _unavailable(error) from error

    @property
    def scratch(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    async def sweep_temporary(self, older_than_s: float) -> int:
        """Uploads in parts that were cut off are the bucket's own to forget, by its lifecycle rules."""
        return 0

    async def _put(self, key: str, data: bytes | BinaryIO) -> None:
        try:
            await obstore.put_async(self._store, _known(key), data)
        except _FAILED as error:
            raise _unavailable(error) from error

    async def _size(self, key: str) -> int | None:
        try:
            return (await obstore.head_async(self._store, _known(key)))["size"]
        except FileNotFoundError:
            return None
        except _FAILED as error:
            raise _unavailable(error) from error


def _known(key: str) -> str:
    if not is_key(key):
        raise Invalid("key", "is not the name of a file")
    return key


def _unavailable(error: Exception) -> Unavailable:
    """The store's own words, which name addresses and buckets, are for the log alone."""
    log.warning("object_storage_failed", error=str(error)[:500], done="answered that it is not available now")
    return Unavailable("The object storage does not answer as it should", retry_after=10)
