"""Opens footage so that FFmpeg reads this one file and nothing else.

    path -> open, checked to be a file -> descriptor -> FFmpeg, in a video format
    fsspec URL -> Python's file object -> FFmpeg, likewise

A playlist or a list of files (HLS, DASH, concat) names further files: those would be read past the
footage roots, whatever its own name is.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import fsspec

from cluster.errors import FootageUnreadable
from cluster.runtime.footage_roots import is_remote, local_path

VIDEO_FORMATS: Final = (
    "mov,matroska,avi,mpegts,mpeg,flv,asf,mxf,gif,dhav,ogg,wtv,h264,hevc,m4v,mpegvideo,mjpeg,mpjpeg,"
    "png_pipe,jpeg_pipe,apng,wav,mp3,aac,flac"
)
"""FFmpeg's names of the formats that hold pictures themselves, or sound: that is said then."""

FileSource = tuple[Any, dict[str, str]]
"""What `av.open` takes: a target, and options."""


@contextmanager
def open_source(address: str) -> Iterator[FileSource]:
    """Open a file for FFmpeg; it is closed at the end.

    Args:
        address: A path, a `file://` URL, or an fsspec URL.

    Raises:
        FootageUnreadable: It is no regular file.
        OSError, ImportError, ValueError: It cannot be opened.
    """
    options = {"format_whitelist": VIDEO_FORMATS, "protocol_whitelist": "fd"}
    if is_remote(address):
        with fsspec.open(address, "rb") as remote:
            yield remote, options
        return
    # Without O_NONBLOCK, a named pipe that nobody writes to is waited for.
    descriptor = os.open(local_path(address), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise FootageUnreadable("this is a folder, not a video.", where=address)
        if not stat.S_ISREG(mode):
            raise FootageUnreadable("this is no regular file.", where=address)
        yield "fd:", options | {"fd": str(descriptor)}
    finally:
        os.close(descriptor)
