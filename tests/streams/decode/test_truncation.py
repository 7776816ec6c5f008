"""Files that end within one of their boxes or chunks were cut; others were not."""

from pathlib import Path

import pytest

from cluster.streams.decode.truncation import file_size, is_cut
from tests.conftest import write_video
from tests.streams.decode.test_container import copy_streams


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi", "mkv", "ts"])
def test_a_whole_file_is_not_cut(tmp_path: Path, suffix: str) -> None:
    assert not is_cut(str(write_video(tmp_path / f"whole.{suffix}", seconds=1)))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_file_that_ends_early_is_cut(tmp_path: Path, suffix: str, share: float) -> None:
    path = write_video(tmp_path / f"cut.{suffix}", seconds=1)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert is_cut(str(path))
    assert is_cut(path.as_uri())
    assert file_size(path.as_uri()) == int(len(data) * share)


def test_an_index_that_is_cut_is_found_where_it_comes_first(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", seconds=1)
    path = copy_streams(whole, tmp_path / "fast.mp4", options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"stbl")])
    assert is_cut(str(path))


@pytest.mark.parametrize("size", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"])
def test_an_avi_that_was_never_closed_does_not_say_that_it_was_cut(
    tmp_path: Path, size: bytes
) -> None:
    path = write_video(tmp_path / "open.avi", seconds=1)
    data = bytearray(path.read_bytes())
    data[4:8] = size
    path.write_bytes(bytes(data))
    assert not is_cut(str(path))


@pytest.mark.parametrize("content", [b"", b"text", b"\x00\x00\x00\x01ftyp", b"RIFF\x10"])
def test_what_is_no_video_does_not_end_the_look(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    assert is_cut(str(path)) is content.endswith(b"ftyp")


def test_a_file_that_is_missing_has_no_size_and_was_not_cut(tmp_path: Path) -> None:
    assert file_size(str(tmp_path / "missing.mp4")) == 0
    assert not is_cut(str(tmp_path / "missing.mp4"))
