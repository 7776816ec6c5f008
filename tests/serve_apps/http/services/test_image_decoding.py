"""Pictures that somebody sends: known by their header, refused before they are decoded."""

import re
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import FootageUnreadable
from cluster.vision.people import BgrImage
from serve_apps.http.services.image_decoding import (
    MOST_SCANS,
    MOST_SEGMENTS,
    decoded,
    scans_of,
    size_of,
)


def picture(width: int, height: int) -> BgrImage:
    random = np.random.default_rng(1)
    return random.integers(0, 255, (height, width, 3)).astype(np.uint8)


def encoded(suffix: str, width: int, height: int) -> bytes:
    _, content = cv2.imencode(suffix, picture(width, height))
    return bytes(content)


def png_of(width: int, height: int) -> bytes:
    """A PNG that says a size, in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("size", [(1, 1), (640, 360), (1920, 1080), (33, 700)])
def test_the_header_says_what_decoding_gives(suffix: str, size: tuple[int, int]) -> None:
    content = encoded(suffix, *size)
    assert size_of(content) == size
    assert decoded(content, 2000).shape == (size[1], size[0], 3)


def test_a_progressive_jpeg_is_read_too() -> None:
    _, content = cv2.imencode(".jpg", picture(64, 48), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert size_of(bytes(content)) == (64, 48)


@pytest.mark.parametrize(("size", "shrunken"), [((1920, 1080), (360, 640)), ((10, 2000), (640, 3))])
def test_a_picture_is_shrunken_to_its_longer_side(
    size: tuple[int, int], shrunken: tuple[int, int]
) -> None:
    assert decoded(encoded(".png", *size), 640).shape[:2] == shrunken


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_001, 1), (0, 0), (2**31, 2**31)])
def test_a_picture_that_is_too_large_is_refused_by_its_header(size: tuple[int, int]) -> None:
    content = png_of(*size)
    assert len(content) < 200
    with pytest.raises(FootageUnreadable):
        decoded(content, 640)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xff\xff",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(FootageUnreadable):
        decoded(content, 640)


def test_a_picture_that_is_cut_off_is_refused_or_decoded_never_an_error_of_another_kind() -> None:
    for suffix in (".jpg", ".png"):
        content = encoded(suffix, 64, 48)
        for length in range(0, len(content), 97):
            try:
                assert decoded(content[:length], 640).shape == (48, 64, 3)
            except FootageUnreadable:
                continue


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"]))
def test_no_bytes_are_an_error_of_another_kind(content: bytes, begins: bytes) -> None:
    with pytest.raises(FootageUnreadable):
        decoded(begins + content, 640)


def progressive(width: int, height: int, *, more_scans: int = 0, between: bytes = b"") -> bytes:
    """A progressive JPEG of one grey, whose last scan comes again and again.

    Args:
        width: BgrImage.
        height: BgrImage.
        more_scans: How often.
        between: What stands before each of these.
    """
    grey = np.full((height, width, 3), 128, np.uint8)
    _, encoded_bytes = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    content = bytes(encoded_bytes)
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + (between + last_scan) * more_scans + content[-2:]


def test_scans_are_counted(samples_of_scans: dict[str, tuple[bytes, int]]) -> None:
    for name, (content, scans) in samples_of_scans.items():
        assert scans_of(content) == scans, name


@pytest.fixture
def samples_of_scans() -> dict[str, tuple[bytes, int]]:
    plain = progressive(64, 48)
    usual = len(re.findall(rb"\xff\xda", plain))
    preview = b"\xff\xe1" + struct.pack(">H", 2 + len(plain)) + plain
    return {
        "png": (encoded(".png", 64, 48), 0),
        "baseline": (encoded(".jpg", 64, 48), 1),
        "progressive": (plain, usual),
        "with a preview inside": (plain[:2] + preview + plain[2:], usual),
        "with another picture behind it": (plain + plain, usual),
        "with garbage between": (progressive(64, 48, more_scans=3, between=b"ab"), usual + 3),
        "behind a marker without a length": (
            progressive(64, 48, more_scans=3, between=b"\xff\x02\xff\xff"),
            usual + 3,
        ),
        "cut off": (plain[:-3], usual),
    }


@pytest.mark.parametrize("between", [b"", b"\xff", b"\xff\x00", b"\xff\xd0", b"\xff\x02\xff\xff"])
def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(between: bytes) -> None:
    content = progressive(3000, 2000, more_scans=2000, between=between)
    assert len(content) < 150_000
    begins = time.monotonic()
    with pytest.raises(FootageUnreadable, match="times"):
        decoded(content, 640)
    assert time.monotonic() - begins < 0.5


def test_a_large_jpeg_may_have_the_usual_scans_and_not_many_more() -> None:
    assert decoded(progressive(7000, 5700), 640).shape == (521, 640, 3)
    with pytest.raises(FootageUnreadable, match="times"):
        decoded(progressive(7000, 5700, more_scans=6), 640)
    assert decoded(progressive(640, 480, more_scans=MOST_SCANS - 12), 640).shape == (480, 640, 3)


def test_a_jpeg_of_very_many_parts_is_refused() -> None:
    content = encoded(".jpg", 64, 48)
    comment = b"\xff\xfe\x00\x02"
    assert decoded(content[:2] + comment * (MOST_SEGMENTS - 100) + content[2:], 640).shape
    with pytest.raises(FootageUnreadable, match="parts"):
        decoded(content[:2] + comment * 2_000_000 + content[2:], 640)


@given(st.binary(max_size=300))
def test_no_scan_that_a_decoder_could_find_is_missed_for_what_stands_before_it(
    between: bytes,
) -> None:
    """Unless it stands inside of a segment with a length, or behind the end."""
    if re.search(rb"\xff[\xc0-\xcf\xd9-\xfe]", between) or between.endswith(b"\xff"):
        return
    content = progressive(16, 16)
    scan = content[content.rindex(b"\xff\xda") : -2]
    assert scans_of(content[:-2] + between + scan + b"\xff\xd9") == scans_of(content) + 1
