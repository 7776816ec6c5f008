"""Whether a file ends before it should, by the sizes that its own boxes or chunks state.

MP4 and QuickTime are a sequence of boxes, each with its size (ISO/IEC 14496-12, 4.2); AVI is one
chunk with its size (RIFF). What ends within one was cut while it was written or copied.
"""

from pathlib import Path
from typing import IO, Any

import fsspec

from cluster.runtime.footage_roots import is_remote, local_path

_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"})
_MAX_BOXES = 100_000
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})
"""Recorders write these before they know the size, and leave them when they are stopped."""


def is_cut(address: str) -> bool:
    """Whether an MP4 or AVI ends within a box, or an MP4 has no index; False for other files.

    Args:
        address: A path or an fsspec URL.
    """
    try:
        with _open(address) as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            head = bytes(stream.read(12))
            if head[4:8] in _MP4_BOXES:
                return _is_cut_mp4(stream, size)
            if head[:4] == b"RIFF" and head[8:] == b"AVI ":
                stated = int.from_bytes(head[4:8], "little")
                return stated not in _UNKNOWN_SIZES and stated + 8 > size
            return False
    except (OSError, ImportError, ValueError):
        return False


def file_size(address: str) -> int:
    """Return the size of a file in bytes; 0 if it cannot be told."""
    try:
        with _open(address) as stream:
            return int(stream.seek(0, 2))
    except (OSError, ImportError, ValueError):
        return 0


def _open(address: str) -> IO[Any]:
    if is_remote(address):
        return fsspec.open(address, "rb").open()  # type: ignore[no-any-return]  # untyped
    return Path(local_path(address)).open("rb")


def _is_cut_mp4(stream: IO[Any], size: int) -> bool:
    position, has_index = 0, False
    for _ in range(_MAX_BOXES):
        stream.seek(position)
        header = bytes(stream.read(16))
        if len(header) < 8:
            break
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:])
        if length == 0:  # to the end of the file
            length = size - position
        has_index = has_index or kind == b"moov"
        if length < 8 or position + length > size:
            return True
        position += length
    return position < size or not has_index
