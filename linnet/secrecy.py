"""Keeps secrets: passwords as argon2id hashes, and what must be read again under a key file in the data directory."""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from linnet.domain import passwords as rules
from linnet.domain.push import Receiver, audience
from linnet.ports import Chance

KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_CURVE = ec.SECP256R1()
_RECORD = 4_096
"""What push services take at least; a message is one record."""
_AES128GCM, _AESGCM, _NONCE = (
    b"Content-Encoding: aes128gcm\0",
    b"Content-Encoding: aesgcm\0",
    b"Content-Encoding: nonce\0",
)
_PROOF_SECONDS = 12 * 3_600
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

    @property
    def push_key(self) -> str:
        return _word(_point(self._signer))

    def is_push_key(self, key: bytes) -> bool:
        try:
            return bool(ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, key))
        except ValueError:
            return False

    def seal_push(self, text: bytes, to: Receiver, contact: str, now_ms: int) -> tuple[Mapping[str, str], bytes]:
        proof = self._proof(audience(to.endpoint), contact, now_ms)
        private = self._key_of(self._chance.secret(KEY_BYTES))
        salt, own = self._chance.secret(_SALT_BYTES), _point(private)
        shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, to.key))
        if to.standard:
            secret = _hkdf(shared, to.secret, b"WebPush: info\0" + to.key + own, 32)
            key, nonce = _hkdf(secret, salt, _AES128GCM, 16), _hkdf(secret, salt, _NONCE, 12)
            # The header of RFC 8188: salt, size of records, our key; and the mark of the last record behind the text.
            head = salt + _RECORD.to_bytes(4, "big") + len(own).to_bytes(1, "big") + own
            headers = {"Content-Encoding": "aes128gcm", "Authorization": f"vapid t={proof}, k={self.push_key}"}
            return headers, head + AESGCM(key).encrypt(nonce, text + b"\2", None)
        secret = _hkdf(shared, to.secret, b"Content-Encoding: auth\0", 32)
        both = b"P-256\0" + b"".join(len(one).to_bytes(2, "big") + one for one in (to.key, own))
        key, nonce = _hkdf(secret, salt, _AESGCM + both, 16), _hkdf(secret, salt, _NONCE + both, 12)
        headers = {
            "Content-Encoding": "aesgcm",
            "Encryption": f"salt={_word(salt)}",
            "Crypto-Key": f"dh={_word(own)};p256ecdsa={self.push_key}",
            "Authorization": f"WebPush {proof}",
        }
        return headers, AESGCM(key).encrypt(nonce, b"\0\0" + text, None)

    def _proof(self, service: str, contact: str, now_ms: int) -> str:
        """A JWT (RFC 8292): who sends, to which push service, for the next twelve hours."""
        claims = {"aud": service, "exp": now_ms // 1000 + _PROOF_SECONDS, "sub": f"mailto:{contact}"}
        signed = ".".join(_word(msgspec.json.encode(part)) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
        r, s = decode_dss_signature(self._signer.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_word(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    @cached_property
    def _signer(self) -> ec.EllipticCurvePrivateKey:
        return self._key_of(self._derived("push"))

    @staticmethod
    def _key_of(secret: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(secret, "big") % (_GROUP_ORDER - 1) + 1, _CURVE)

    def _derived(self, use: str) -> bytes:
        return hmac.new(self._key, f"linnet {use} 1".encode(), hashlib.sha256).digest()


def _hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt, info).derive(secret)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _word(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


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
