"""Codes that are read from a board or a slip and typed on a phone; tokens of devices; hashes.

Letters and digits that look alike are left out (0 O, 1 I L, U V, and of 2 Z, 5 S, 8 B, 6 G the
letters), and A and E too, so that no code is a word.
"""

import hashlib
import hmac
import re
import secrets
from typing import Final, Literal

ALPHABET: Final = "23456789CDFHJKMNPQRTWXY"
LENGTH: Final = 6
DEVICE_BYTES: Final = 16
KEY_BYTES: Final = 32

Use = Literal["answer", "call", "slip", "name"]

_LOOK_ALIKE = str.maketrans("ZSBG", "2586")
_BETWEEN = re.compile(r"[\s\-–]+")
LONGEST_TYPED: Final = 32


def new_code() -> str:
    """A code; one of 148 million."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def new_device() -> bytes:
    """A token for a device that opens a check-in's page: for this check-in alone."""
    return secrets.token_bytes(DEVICE_BYTES)


def new_key() -> bytes:
    """The key of one check-in's hashes; it dies with the check-in."""
    return secrets.token_bytes(KEY_BYTES)


def read_code(typed: str) -> str | None:
    """What somebody typed, in any case, with spaces or hyphens; None where it can be no code."""
    if len(typed) > LONGEST_TYPED:
        return None
    code = _BETWEEN.sub("", typed).upper().translate(_LOOK_ALIKE)
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


def keyed_hash(key: bytes, use: Use, value: bytes) -> str:
    """A hash that nobody can make without the check-in's key.

    The use is part of it: that a device answered and that it called stand under two hashes, and
    nothing ties one to the other.
    """
    return hmac.new(key, use.encode() + b"\0" + value, hashlib.sha256).hexdigest()
