"""Files that are replaced whole: a reader, a crash or a power cut sees the old or the new one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path, *, mode: int = 0o666, folder_mode: int = 0o777) -> Iterator[BinaryIO]:
    """Write a file that replaces `path` when the block ends, and is on the disk then.

    After an error the old file, if any, is unchanged. One process at a time may write a path.

    Args:
        path: The file; its folder is created where there is none.
        mode: Permissions of the file.
        folder_mode: Permissions of a new folder.

    Raises:
        OSError: It cannot be written.
    """
    temporary = temporary_path(path)
    new_folders = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True, mode=folder_mode)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        for folder in {path.parent, *(folder.parent for folder in new_folders)}:
            sync_folder(folder)
    except BaseException:
        with suppress(OSError):  # on a read-only disk this fails too
            temporary.unlink(missing_ok=True)
        raise


def temporary_path(path: Path) -> Path:
    """Return the file that `atomic_write` renames, and leaves behind if it is killed."""
    return path.with_name(f".{path.name}.tmp")


def sync_folder(folder: Path) -> None:
    """Make a folder's names durable: without it, a power cut after a rename loses the new file.

    Raises:
        OSError: The disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network disks cannot do it
            raise
    finally:
        os.close(descriptor)
