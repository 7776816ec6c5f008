"""The keys of an installation: one file each, wrapped by the master key.

    keys_dir/master.key            unless the master key is elsewhere
    keys_dir/roster.wrapped           seals names
    keys_dir/audit.wrapped            chains the audit log
    keys_dir/audit-signing.wrapped    signs its heads (Ed25519)
    keys_dir/badges.wrapped           signs badges
    keys_dir/sign-in.wrapped          signs tokens and sessions
    keys_dir/students/<id>.wrapped    a student's own key, which encrypts the template

They are stored apart from the records, so that a backup of the records decrypts nothing. A file
holds several versions, the newest last, only during a rotation. Versions have random numbers, so
that a row sealed with a destroyed key never meets a new key of the same number.
"""

import base64
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock

from cluster.errors import KeyMissing, KeyUnusable
from cluster.runtime.files import atomic_write, sync_folder, temporary_path
from cluster.security.master_key import KEY_BYTES, NONCE_BYTES, MasterKey, load_master_key
from cluster.settings import Settings

STUDENT_KEYS = "students"
SUFFIX = ".wrapped"


class KeyStore:
    """Named keys in a folder.

    Args:
        folder: Of the key files; created with the first key.
        master: Wraps the keys.
    """

    def __init__(self, folder: Path, master: MasterKey) -> None:
        self._folder = folder
        self._master = master
        self._current: dict[str, tuple[int, bytes]] = {}

    def current(self, name: str) -> tuple[int, bytes]:
        """Return number and bytes of the newest version of a key; creates the key if needed.

        Raises:
            KeyUnusable: It cannot be read, unwrapped or written.
        """
        cached = self._current.get(name)
        if cached is not None:
            return cached
        versions = self._read(name)
        if versions is None:
            with self._locked():
                versions = self._read(name)
                if versions is None:
                    key = secrets.token_bytes(KEY_BYTES)
                    versions = {_new_version(): self._master.wrap(key, name)}
                    self._write(name, versions)
        newest = list(versions)[-1]
        key = self._master.unwrap(versions[newest], name)
        if not name.startswith(STUDENT_KEYS):
            self._current[name] = newest, key  # used often, and never rotated
        return newest, key

    def version(self, name: str, version: int) -> bytes:
        """Return one version of a key.

        Raises:
            KeyMissing: It was destroyed, or never existed.
            KeyUnusable: It cannot be read or unwrapped.
        """
        versions = self._read(name) or {}
        if version not in versions:
            raise KeyMissing("there is no such key (any more).", where=f"{name}, {version}")
        return self._master.unwrap(versions[version], name)

    def add_version(self, name: str) -> tuple[int, bytes]:
        """Add a version of a key, return its number and bytes; old ones stay until `keep_only`.

        Raises:
            KeyUnusable: See `current`.
        """
        with self._locked():
            versions = self._read(name) or {}
            new = _new_version()
            key = secrets.token_bytes(KEY_BYTES)
            self._write(name, {**versions, new: self._master.wrap(key, name)})
        return new, key

    def keep_only(self, name: str, version: int) -> None:
        """Destroy all other versions of a key."""
        with self._locked():
            versions = self._read(name) or {}
            if version in versions and len(versions) > 1:
                self._write(name, {version: versions[version]})

    def destroy(self, name: str) -> bool:
        """Destroy a key, and with it all that it sealed; returns whether it existed."""
        path = self._path(name)
        with self._locked():
            try:
                # A write that was killed may have left a temporary file with the key; version 0.1
                # named it without a suffix.
                temporary = (temporary_path(path), path.with_name(f".{path.name}"))
                existed = [_shred(file) for file in (*temporary, path)]
                if any(existed):
                    sync_folder(path.parent)
            except OSError as error:
                raise KeyUnusable(f"the key cannot be destroyed: {error}.", where=str(path)) from (
                    error
                )
        return any(existed)

    def names(self) -> Iterator[str]:
        """Yield the names of all keys."""
        for path in sorted(self._folder.rglob(f"[!.]*{SUFFIX}")):
            yield path.relative_to(self._folder).with_suffix("").as_posix()

    def has(self, name: str) -> bool:
        """Whether a key exists."""
        return self._path(name).exists()

    def rewrap(self, new: MasterKey) -> int:
        """Wrap every key with another master key, and use that from now on; returns how many.

        Keys that it wraps already are skipped, so that an interrupted change can be repeated.

        Raises:
            KeyUnusable: See `current`.
        """
        count = 0
        with self._locked():
            for name in self.names():
                if self._wrapped_by(name) == new.id:
                    continue
                versions = self._read(name) or {}
                opened = {v: self._master.unwrap(wrapped, name) for v, wrapped in versions.items()}
                self._write(name, {v: new.wrap(key, name) for v, key in opened.items()}, new)
                count += 1
        self._master = new
        return count

    def _read(self, name: str) -> dict[int, bytes] | None:
        content = self._content(name)
        if content is None:
            return None
        if content.get("master") != self._master.id:
            raise KeyUnusable(
                "another master key wrapped it.",
                where=str(self._path(name)),
                hint="Set security.master_key_file, or the environment, to the one that did.",
            )
        try:
            return {int(v): base64.b64decode(w) for v, w in content["versions"].items()}
        except (KeyError, ValueError, AttributeError, TypeError):
            raise KeyUnusable("the key's file is damaged.", where=str(self._path(name))) from None

    def _wrapped_by(self, name: str) -> str | None:
        master = (self._content(name) or {}).get("master")
        return str(master) if master else None

    def _content(self, name: str) -> dict[str, Any] | None:
        path = self._path(name)
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise KeyUnusable(f"the key's file cannot be read: {error}.", where=str(path)) from (
                error
            )
        if not isinstance(content, dict):
            raise KeyUnusable("the key's file is damaged.", where=str(path))
        return content

    def _write(
        self, name: str, versions: dict[int, bytes], master: MasterKey | None = None
    ) -> None:
        path = self._path(name)
        content = {
            "master": (master or self._master).id,
            "versions": {str(v): base64.b64encode(w).decode() for v, w in versions.items()},
        }
        try:
            with (
                _overwriting_old(path),
                atomic_write(path, mode=0o600, folder_mode=0o700) as stream,
            ):
                stream.write(json.dumps(content).encode("ascii"))
        except OSError as error:
            raise KeyUnusable(f"the key cannot be written: {error}.", where=str(path)) from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _locked(self) -> FileLock:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise KeyUnusable(
                f"the folder of keys cannot be created: {error}.", where=str(self._folder)
            ) from error
        return FileLock(self._folder / ".lock", mode=0o600)


def open_keys(settings: Settings, *, required_key: str | None = None) -> KeyStore:
    """Open the keys that the settings name.

    Args:
        settings: They name the folder and the master key.
        required_key: A key that must exist because the records use it; otherwise a mistyped folder
            would be filled with new keys that decrypt nothing.

    Raises:
        KeyMissing: The required key does not exist.
        KeyUnusable: The master key cannot be loaded.
    """
    folder = settings.security.keys_dir
    if required_key is not None and not (folder / f"{required_key}{SUFFIX}").exists():
        raise KeyMissing(
            "the records are in use, and their keys are not here.",
            where=str(folder),
            hint="Set security.keys_dir to the folder of the keys, or restore it.",
        )
    return KeyStore(folder, load_master_key(settings.security))


def student_key(student_id: str) -> str:
    """Return the name of a student's key."""
    return f"{STUDENT_KEYS}/{student_id}"


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """Encrypt with AES-256-GCM (NIST SP 800-38D); the random nonce is prepended.

    Args:
        key: 32 bytes.
        plain: The plaintext.
        context: Associated data: decryption needs the same.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """Decrypt the result of `seal`.

    Raises:
        KeyUnusable: It was changed, or sealed with another key or context.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise KeyUnusable(
            "decryption failed: the data was changed, or has another context.", where=context
        ) from None


def _new_version() -> int:
    return secrets.randbelow(2**31 - 1) + 1


def _shred(path: Path) -> bool:
    """Overwrite a file, then delete it; returns whether it existed."""
    try:
        with path.open("r+b") as stream:
            stream.write(b"\0" * os.fstat(stream.fileno()).st_size)
            stream.flush()
            os.fsync(stream.fileno())
    except FileNotFoundError:
        return False
    path.unlink()
    return True


@contextmanager
def _overwriting_old(path: Path) -> Iterator[None]:
    """Overwrite the old content of a file after it is replaced."""
    old = path.open("r+b") if path.exists() else None
    try:
        yield
        if old is not None:
            old.write(b"\0" * os.fstat(old.fileno()).st_size)
            old.flush()
            os.fsync(old.fileno())
    finally:
        if old is not None:
            old.close()
