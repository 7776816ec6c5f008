"""Decode an image that somebody sent or named, after its cost has been bounded.

    bytes -> JPEG scans -> header: width, height -> within limits? -> decode -> shrink -> pixels

A few kilobytes can hold an image of a billion pixels, so Pillow reads the header first, and what is
too large is rejected. A decoder goes over a progressive JPEG once for each scan, and a scan that
changes nothing takes a dozen bytes. Pillow bounds neither scans nor segments, so both are counted
here. A decoder in a thread cannot be stopped: these limits bound its time.
Sources: JPEG, ITU-T T.81, B.1.1.2 and B.2.3; libjpeg-turbo, djpeg's -maxscans.
"""

import re
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from cluster.errors import FootageUnreadable
from cluster.vision.people import BgrImage

MAX_PIXELS: Final = 40_000_000
MAX_SIDE_PIXELS: Final = 20_000

MAX_SCANS: Final = 64
"""Of a JPEG; encoders write about ten."""
MAX_SCANNED_PIXELS: Final = 12 * MAX_PIXELS
"""Pixels times scans; the usual ten scans of a progressive JPEG fit at every size."""
MAX_SEGMENTS: Final = 5000
"""Of a JPEG; ten megabytes of colour profiles and previews are fewer than two hundred."""

_SOI: Final = b"\xff\xd8"
_MARKER: Final = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
"""A marker with a length, or the end; also where a decoder looks for one, behind garbage."""
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
"""Of ISO/IEC 23008-12, as iPhones write them."""


def decode_image(content: bytes, long_side: int) -> BgrImage:
    """Decode a JPEG or PNG image, upright and shrunken.

    Args:
        content: The file.
        long_side: Maximum length of the longer side, in pixels.

    Returns:
        (height, width, 3) uint8 BGR.

    Raises:
        FootageUnreadable: It is neither, is broken, or exceeds a limit.
    """
    scans = count_scans(content)
    width, height = read_size(content)
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PIXELS:
        raise _too_large_error(f"the image has {width}x{height} pixels.")
    if scans > MAX_SCANS or scans * width * height > MAX_SCANNED_PIXELS:
        raise FootageUnreadable(
            f"the image has {scans} scans of {width}x{height} pixels.",
            hint="Save it again, as a baseline JPEG.",
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise FootageUnreadable("the image cannot be decoded.")
    return _shrink(np.asarray(pixels, np.uint8), long_side)


def read_size(content: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels of a JPEG or PNG image, from its header alone.

    Raises:
        FootageUnreadable: It is neither, or its header is broken.
    """
    # Not `Image.open`: Ultralytics replaces it, with one that raises other errors.
    kind = JpegImageFile if content.startswith(_SOI) else PngImageFile
    try:
        with kind(BytesIO(content)) as image:
            return image.size
    except (SyntaxError, OSError, ValueError, UserWarning):  # warnings may be errors
        is_heif = content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS
        raise FootageUnreadable(
            f"this is {'a HEIC' if is_heif else 'neither a JPEG nor a PNG'} image.",
            hint="Save it as JPEG; phones call that the most compatible format."
            if is_heif
            else None,
        ) from None


def count_scans(content: bytes) -> int:
    """Count the scans of a JPEG; 0 for any other file.

    At least as many as a decoder would find: whatever is between two markers is skipped, as
    decoders do, and the content of a segment (a preview, say) is not searched.

    Raises:
        FootageUnreadable: It has more than `MAX_SEGMENTS` segments.
    """
    scans = position = segments = 0
    if not content.startswith(_SOI):
        return scans
    while found := _MARKER.search(content, position):
        marker = found[1][0]
        if marker == _EOI:
            break
        segments += 1
        if segments > MAX_SEGMENTS:
            raise FootageUnreadable("the image has too many segments.", hint="Save it again.")
        scans += marker == _SOS
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        position = found.end() + max(2, length)
    return scans


def _shrink(pixels: BgrImage, long_side: int) -> BgrImage:
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _too_large_error(what: str) -> FootageUnreadable:
    return FootageUnreadable(
        what, hint=f"Send one of at most {MAX_PIXELS // 1_000_000} million pixels."
    )
