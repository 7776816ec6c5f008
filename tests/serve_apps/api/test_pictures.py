"""Pictures that somebody sends: known by their header, refused before they are decoded."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import FootageUnreadable
from cluster.vision.people import Pixels
from serve_apps.api.pictures import decoded, size_of


def picture(width: int, height: int) -> Pixels:
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
