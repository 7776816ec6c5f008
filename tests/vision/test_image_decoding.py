"""Uploaded images: the header is read, and limits are checked before anything is decoded."""

import re
import struct
import time
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import FootageUnreadable
from cluster.vision.image_decoding import (
    MAX_SCANS,
    MAX_SEGMENTS,
    count_scans,
    decode_image,
    read_size,
)
from cluster.vision.people import BgrImage


def random_pixels(width: int, height: int) -> BgrImage:
    random = np.random.default_rng(1)
    return random.integers(0, 255, (height, width, 3)).astype(np.uint8)


def encode(suffix: str, width: int, height: int) -> bytes:
    _, content = cv2.imencode(suffix, random_pixels(width, height))
    return bytes(content)


def png_with_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header states a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("size", [(1, 1), (640, 360), (1920, 1080), (33, 700)])
def test_the_header_states_the_decoded_size(suffix: str, size: tuple[int, int]) -> None:
    content = encode(suffix, *size)
    assert read_size(content) == size
    assert decode_image(content, 2000).shape == (size[1], size[0], 3)


def test_the_size_of_a_progressive_jpeg_is_read() -> None:
    _, content = cv2.imencode(".jpg", random_pixels(64, 48), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert read_size(bytes(content)) == (64, 48)


@pytest.mark.parametrize(("size", "shrunken"), [((1920, 1080), (360, 640)), ((10, 2000), (640, 3))])
def test_an_image_is_shrunken_to_the_longer_side(
    size: tuple[int, int], shrunken: tuple[int, int]
) -> None:
    assert decode_image(encode(".png", *size), 640).shape[:2] == shrunken


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_001, 1), (0, 0), (2**31, 2**31)])
def test_an_image_that_is_too_large_is_rejected_by_its_header(size: tuple[int, int]) -> None:
    content = png_with_size(*size)
    assert len(content) < 200
    with pytest.raises(FootageUnreadable):
        decode_image(content, 640)


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
def test_other_content_is_rejected(content: bytes) -> None:
    with pytest.raises(FootageUnreadable):
        decode_image(content, 640)


def test_other_content_is_rejected_where_ultralytics_has_replaced_pillows_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def replaced(*_arguments: object) -> None:
        raise RuntimeError("an optional package is missing")

    monkeypatch.setattr(PIL.Image, "open", replaced)
    with pytest.raises(FootageUnreadable):
        decode_image(b"x", 640)


def test_a_truncated_image_is_decoded_or_rejected_and_raises_nothing_else() -> None:
    for suffix in (".jpg", ".png"):
        content = encode(suffix, 64, 48)
        for length in range(0, len(content), 97):
            try:
                assert decode_image(content[:length], 640).shape == (48, 64, 3)
            except FootageUnreadable:
                continue


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"]))
def test_random_bytes_are_rejected_and_raise_nothing_else(content: bytes, prefix: bytes) -> None:
    with pytest.raises(FootageUnreadable):
        decode_image(prefix + content, 640)


def progressive(width: int, height: int, *, more_scans: int = 0, between: bytes = b"") -> bytes:
    """A grey progressive JPEG whose last scan is repeated.

    Args:
        width: Pixels.
        height: Pixels.
        more_scans: Number of repetitions.
        between: Bytes before each repetition.
    """
    grey = np.full((height, width, 3), 128, np.uint8)
    _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    content = bytes(encoded)
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + (between + last_scan) * more_scans + content[-2:]


def test_scans_are_counted(scan_samples: dict[str, tuple[bytes, int]]) -> None:
    for name, (content, scans) in scan_samples.items():
        assert count_scans(content) == scans, name


@pytest.fixture
def scan_samples() -> dict[str, tuple[bytes, int]]:
    plain = progressive(64, 48)
    default_scans = len(re.findall(rb"\xff\xda", plain))
    preview = b"\xff\xe1" + struct.pack(">H", 2 + len(plain)) + plain
    return {
        "png": (encode(".png", 64, 48), 0),
        "baseline": (encode(".jpg", 64, 48), 1),
        "progressive": (plain, default_scans),
        "with a preview inside": (plain[:2] + preview + plain[2:], default_scans),
        "with another image appended": (plain + plain, default_scans),
        "with garbage between": (
            progressive(64, 48, more_scans=3, between=b"ab"),
            default_scans + 3,
        ),
        "behind a marker without a length": (
            progressive(64, 48, more_scans=3, between=b"\xff\x02\xff\xff"),
            default_scans + 3,
        ),
        "truncated": (plain[:-3], default_scans),
    }


@pytest.mark.parametrize("between", [b"", b"\xff", b"\xff\x00", b"\xff\xd0", b"\xff\x02\xff\xff"])
def test_a_jpeg_with_too_many_scans_is_rejected_before_it_is_decoded(between: bytes) -> None:
    content = progressive(3000, 2000, more_scans=2000, between=between)
    assert len(content) < 150_000
    started = time.monotonic()
    with pytest.raises(FootageUnreadable, match="scans"):
        decode_image(content, 640)
    assert time.monotonic() - started < 0.5


def test_a_large_jpeg_may_have_the_default_scans_and_few_more() -> None:
    assert decode_image(progressive(7000, 5700), 640).shape == (521, 640, 3)
    with pytest.raises(FootageUnreadable, match="scans"):
        decode_image(progressive(7000, 5700, more_scans=6), 640)
    assert decode_image(progressive(640, 480, more_scans=MAX_SCANS - 12), 640).shape == (
        480,
        640,
        3,
    )


def test_a_jpeg_with_too_many_segments_is_rejected() -> None:
    content = encode(".jpg", 64, 48)
    comment = b"\xff\xfe\x00\x02"
    assert decode_image(content[:2] + comment * (MAX_SEGMENTS - 100) + content[2:], 640).shape
    with pytest.raises(FootageUnreadable, match="segments"):
        decode_image(content[:2] + comment * 2_000_000 + content[2:], 640)


@given(st.binary(max_size=300))
def test_garbage_before_a_scan_does_not_hide_it_from_the_count(
    between: bytes,
) -> None:
    """Unless the garbage is itself a segment with a length, or the end."""
    if re.search(rb"\xff[\xc0-\xcf\xd9-\xfe]", between) or between.endswith(b"\xff"):
        return
    content = progressive(16, 16)
    scan = content[content.rindex(b"\xff\xda") : -2]
    assert count_scans(content[:-2] + between + scan + b"\xff\xd9") == count_scans(content) + 1
