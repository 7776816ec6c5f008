"""The master key, which wraps every other key: from a file, the environment, or a KMS.

A KMS (key management service) is called through a program of the operator's, so that any works:
Vault, a cloud's command line, a smart card.
"""

import base64
import binascii
import os
import subprocess
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from cluster.errors import KeyUnusable
from cluster.settings import SecuritySettings

KEY_BYTES = 32
NONCE_BYTES = 12
KMS_TIMEOUT_SECONDS = 30
MASTER_KEY_FILE = "master.key"


class MasterKey(Protocol):
    """Wraps and unwraps keys."""

    @property
    def id(self) -> str:
        """Identifies the master key without revealing it."""
        ...

    def wrap(self, key: bytes, name: str) -> bytes:
        """Encrypt a key, bound to its name."""
        ...

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """Decrypt a key.

        Raises:
            KeyUnusable: It was wrapped by another master key, for another name, or was changed.
        """
        ...


class LocalMasterKey:
    """A master key in this process's memory; AES-256-GCM (NIST SP 800-38D).

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        digest = Hash(SHA256())
        digest.update(b"homeroom master key id" + key)
        self.id = digest.finalize().hex()[:16]

    def wrap(self, key: bytes, name: str) -> bytes:
        """See `MasterKey`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, name.encode())

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """See `MasterKey`."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise KeyUnusable(
                "the key cannot be unwrapped: it was changed, or another master key wrapped it.",
                where=name,
            ) from None


class CommandMasterKey:
    """A master key that never leaves its KMS.

    Args:
        command: Called with `wrap` or `unwrap` and the key's name; base64 in, base64 out.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self.id = f"command:{Path(command[0]).name}"

    def wrap(self, key: bytes, name: str) -> bytes:
        """See `MasterKey`."""
        return self._call("wrap", key, name)

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """See `MasterKey`."""
        return self._call("unwrap", wrapped, name)

    def _call(self, verb: str, data: bytes, name: str) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 (the operator's own program)
                [*self._command, verb, name],
                input=base64.b64encode(data),
                capture_output=True,
                timeout=KMS_TIMEOUT_SECONDS,
                check=True,
            )
            return base64.b64decode(done.stdout.strip(), validate=True)
        except subprocess.CalledProcessError as error:
            reason = f"it ended with {error.returncode}"
        except subprocess.TimeoutExpired:
            reason = f"it did not answer within {KMS_TIMEOUT_SECONDS} s"
        except (OSError, binascii.Error) as error:
            reason = str(error)
        raise KeyUnusable(f"the KMS's program failed to {verb}: {reason}.", where=self._command[0])


def load_master_key(security: SecuritySettings) -> MasterKey:
    """Load the master key that the settings name; creates a file if they name none.

    Raises:
        KeyUnusable: It cannot be read, or is not 32 bytes in base64.
    """
    if security.kms_command:
        return CommandMasterKey(security.kms_command)
    if security.master_key is not None:
        text = security.master_key.get_secret_value()
        return LocalMasterKey(_decode(text, "HOMEROOM_SECURITY__MASTER_KEY"))
    path = security.master_key_file or security.keys_dir / MASTER_KEY_FILE
    if security.master_key_file is None and not path.exists():
        write_master_key(path)
    return read_master_key(path)


def read_master_key(path: Path) -> LocalMasterKey:
    """Read a master key from a file.

    Raises:
        KeyUnusable: It cannot be read, is readable by others, or is not 32 bytes in base64.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(
                "others than its owner may read the master key.",
                where=str(path),
                hint=f"chmod 600 {path}",
            )
        return LocalMasterKey(_decode(path.read_text(encoding="ascii"), str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"the master key cannot be read: {error}.", where=str(path)) from error


def write_master_key(path: Path) -> None:
    """Create a master key file, unless it exists.

    Raises:
        KeyUnusable: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            os.fsync(stream.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process created it first
        finally:
            temporary.unlink()
    except OSError as error:
        raise KeyUnusable(f"the master key cannot be written: {error}.", where=str(path)) from error


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnusable(
            "the master key is not 32 bytes in base64.",
            where=where,
            hint="head -c 32 /dev/urandom | base64",
        )
    return key
