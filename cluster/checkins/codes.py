"""Codes that students type from a board or slip, device tokens, and keyed hashes.

The alphabet has no look-alikes (0 O, 1 I L, U V, and of 2 Z, 5 S, 8 B, 6 G the letters), and no A
or E, so that no code is a word.
"""

import hashlib
import hmac
import re
import secrets
from typing import Final, Literal

ALPHABET: Final = "23456789CDFHJKMNPQRTWXY"
CODE_LENGTH: Final = 6
DEVICE_BYTES: Final = 16
KEY_BYTES: Final = 32

HashPurpose = Literal["answer", "call", "slip", "name"]

_LOOK_ALIKE = str.maketrans("ZSBG", "2586")
_SEPARATORS = re.compile(r"[\s\-–]+")
MAX_TYPED_LENGTH: Final = 32


def new_code() -> str:
    """Return a random code, one of 148 million."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def new_device_token() -> bytes:
    """Return a random token for a device, for one check-in alone."""
    return secrets.token_bytes(DEVICE_BYTES)


def new_key() -> bytes:
    """Return a random key for one check-in's hashes; it is deleted with the check-in."""
    return secrets.token_bytes(KEY_BYTES)


def parse_code(typed: str) -> str | None:
    """Normalise a code that was typed in any case, with spaces or hyphens; None if invalid."""
    if len(typed) > MAX_TYPED_LENGTH:
        return None
    code = _SEPARATORS.sub("", typed).upper().translate(_LOOK_ALIKE)
    return code if len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) else None


def keyed_hash(key: bytes, purpose: HashPurpose, value: bytes) -> str:
    """Return HMAC-SHA256 (RFC 2104) of a value for one purpose, in hex.

    A device that answers and calls has two hashes, which cannot be linked without the key.
    """
    return hmac.new(key, purpose.encode() + b"\0" + value, hashlib.sha256).hexdigest()
