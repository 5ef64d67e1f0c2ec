"""Join tokens: what lets a new machine in, once, and by what it knows that it speaks with the right cluster (pure)."""

import base64
import hashlib
import re
from typing import NamedTuple

from linnet.domain.errors import Invalid

SECRET_BYTES = 20
_FINGERPRINT_BYTES = 32
_MARK = "linnet-join-"
_FORM = re.compile(_MARK + r"([A-Za-z0-9_-]{70})")


class Token(NamedTuple):
    """``fingerprint`` is the SHA-256 of the cluster's authority in hexadecimal, ``secret`` is known to nobody else."""

    fingerprint: str
    secret: bytes

    def __str__(self) -> str:
        return _MARK + base64.urlsafe_b64encode(bytes.fromhex(self.fingerprint) + self.secret).rstrip(b"=").decode()

    def __repr__(self) -> str:
        """Without the secret: whatever prints it by accident tells nobody."""
        return f"Token({self.fingerprint[:8]}…)"


def read(text: str) -> Token:
    """Raises Invalid for what is no token."""
    found = _FORM.fullmatch(text.strip())
    raw = base64.urlsafe_b64decode(found[1] + "==") if found else b""
    if len(raw) != _FINGERPRINT_BYTES + SECRET_BYTES:
        raise Invalid("token", "is not one: copy the whole line that `linnet cluster token` printed")
    return Token(raw[:_FINGERPRINT_BYTES].hex(), raw[_FINGERPRINT_BYTES:])


def digest(secret: bytes) -> str:
    """Under what a secret is kept: whoever reads etcd's files cannot join with what stands there."""
    return hashlib.sha256(b"linnet join " + secret).hexdigest()
