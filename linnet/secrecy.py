"""Keeps secrets: passwords as argon2id hashes, and what must be read again under a key file in the data directory."""

import asyncio
import base64
import hashlib
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from linnet.domain import passwords as rules
from linnet.ports import Chance

KEY_BYTES = 32
_NONCE_BYTES = 12
_GROUP_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


class ArgonPasswords:
    """Argon2id with OWASP's smallest advised parameters, which a Raspberry Pi bears: 19 MiB, two passes, one lane.

    At most two hashes are computed at once, so that a crowd of strangers costs 38 MiB and not the machine.
    """

    def __init__(self, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._nobody = ""

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, stored, password)

    def outdated(self, stored: str) -> bool:
        try:
            return self._hasher.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def close(self) -> None:
        self._threads.shutdown()

    def _hash(self, password: str) -> str:
        return self._hasher.hash(rules.prepared(password))

    def _verify(self, stored: str | None, password: str) -> bool:
        known = stored if stored and len(password) <= rules.LONGEST else None
        if known is None and not self._nobody:
            self._nobody = self._hash("nobody's password")
        try:
            self._hasher.verify(known or self._nobody, rules.prepared(password[:1024]))
        except (Argon2Error, InvalidHashError):
            return False
        return known is not None


class FileVault:
    """Everything is derived from one random key. Whoever has the database alone can neither read nor sign.

    Raises ValueError where the key has another length than 32 bytes.
    """

    def __init__(self, key: bytes, chance: Chance) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key must have {KEY_BYTES} bytes and has {len(key)}")
        self._key = key
        self._chance = chance

    def encrypt(self, text: str, purpose: str) -> str:
        nonce = self._chance.secret(_NONCE_BYTES)
        sealed = AESGCM(self._derived("encrypt")).encrypt(nonce, text.encode(), purpose.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def decrypt(self, sealed: str, purpose: str) -> str:
        try:
            raw = base64.urlsafe_b64decode(sealed)
            opened = AESGCM(self._derived("encrypt")).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
            return opened.decode()
        except (InvalidTag, ValueError) as error:
            raise ValueError(f"this {purpose} was not sealed with this server's key") from error

    def sign(self, text: str, purpose: str) -> str:
        return hmac.new(self._derived("sign"), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()

    @cached_property
    def push_key(self) -> str:
        number = int.from_bytes(self._derived("push"), "big") % (_GROUP_ORDER - 1) + 1
        public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
        raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def _derived(self, use: str) -> bytes:
        return hmac.new(self._key, f"linnet {use} 1".encode(), hashlib.sha256).digest()


def open_vault(path: Path, chance: Chance) -> FileVault:
    """The vault whose key is at ``path``, made at the first start, readable by its owner alone.

    Raises ValueError where the file holds something else. Of several processes that start at once one makes the key.
    """
    if not path.exists():
        _make(path, chance)
    try:
        return FileVault(bytes.fromhex(path.read_text("ascii").strip()), chance)
    except ValueError as error:
        raise ValueError(f"{path} does not hold a key of this server: restore it from a backup") from error


def _make(path: Path, chance: Chance) -> None:
    """On the disk before it has its name: a key that a power failure takes back would take what it sealed with it."""
    fresh = path.with_name(f".{path.name}.{chance.secret(8).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(chance.secret(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
