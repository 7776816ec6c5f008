"""A picture that somebody sends: what it costs is known before anything is decoded.

    bytes -> header: width, height -> small enough? -> few scans? -> decode -> shrink -> pixels

A few kilobytes can hold a picture of a billion pixels; so the header is read first, and what is too
large is refused. A progressive JPEG goes over its picture once a scan, and a scan that changes
nothing takes a dozen bytes; so scans are counted, and what a decoder would go over is bounded. A
decoder in a thread cannot be stopped: this is what bounds its time.
Sources: PNG, W3C Recommendation 2003, 11.2.2 (IHDR); JPEG, ITU-T T.81, B.2.2, B.2.3; libjpeg-turbo,
djpeg's -maxscans.
"""

import re
import struct
from typing import Final

import cv2
import numpy as np

from cluster.errors import FootageUnreadable
from cluster.vision.people import BgrImage

MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 20_000

MOST_SCANS: Final = 64
"""Of a JPEG; encoders write about ten."""
MOST_SCANNED: Final = 12 * MOST_PIXELS
"""Pixels times scans; the usual ten scans of a progressive picture fit at every size."""
MOST_SEGMENTS: Final = 5000
"""Parts of a JPEG; ten megabytes of colour profiles and previews are fewer than two hundred."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG's markers without a length."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers that state the picture's size."""
_MARKER: Final = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
"""A marker with a length, or the end; also where a decoder looks for one, behind garbage."""
_SCAN: Final = 0xDA
_END: Final = 0xD9


def decoded(content: bytes, long_side: int) -> BgrImage:
    """A JPEG or PNG picture, upright and shrunken.

    Args:
        content: Of the file.
        long_side: Pixels of the longer side at most.

    Returns:
        (height, width, 3) uint8 BGR.

    Raises:
        FootageUnreadable: It is none, is broken, or is too large.
    """
    width, height = size_of(content)
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE or not width * height:
        raise FootageUnreadable(
            f"the picture has {width}x{height} pixels.",
            hint=f"Send one of at most {MOST_PIXELS // 1_000_000} million pixels.",
        )
    scans = scans_of(content)
    if scans > MOST_SCANS or scans * width * height > MOST_SCANNED:
        raise FootageUnreadable(
            f"the picture goes over its {width}x{height} pixels {scans} times.",
            hint="Save it anew, not progressive.",
        )
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        found = None
    if found is None:
        raise FootageUnreadable("the picture cannot be decoded.")
    return _shrunken(np.asarray(found, np.uint8), long_side)


def size_of(content: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG or PNG picture, by its header alone.

    Raises:
        FootageUnreadable: It is neither, or its header is broken.
    """
    size = None
    if content.startswith(_PNG):
        size = _png_size(content)
    elif content.startswith(_JPEG):
        size = _jpeg_size(content)
    if size is None:
        raise FootageUnreadable("this is no JPEG and no PNG picture.")
    return size


def scans_of(content: bytes) -> int:
    """How often a JPEG goes over its picture; 0 for any other file.

    It counts at least what a decoder would take: whatever lies between two markers is skipped, as
    decoders do, and what stands in a segment (a preview, say) is not looked into.

    Raises:
        FootageUnreadable: It has very many parts.
    """
    scans = place = segments = 0
    if not content.startswith(_JPEG):
        return scans
    while found := _MARKER.search(content, place):
        marker = found[1][0]
        if marker == _END:
            break
        segments += 1
        if segments > MOST_SEGMENTS:
            raise FootageUnreadable("the picture has very many parts.", hint="Save it anew.")
        scans += marker == _SCAN
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        place = found.end() + max(2, length)
    return scans


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[12:16] != b"IHDR" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker in _FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        else:
            (length,) = struct.unpack(">H", content[place + 2 : place + 4])
            place += 2 + max(2, length)
    return None


def _shrunken(pixels: BgrImage, long_side: int) -> BgrImage:
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
