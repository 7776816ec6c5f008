"""FFmpeg reads the file that was named, and no other."""

import os
import threading
from pathlib import Path

import cv2
import fsspec
import numpy as np
import pytest

from cluster.errors import FootageUnreadable
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from tests.conftest import write_video

CONCAT = "ffconcat version 1.0\nfile {other}\n"
PLAIN_CONCAT = "file '{other}'\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{other}\n#EXT-X-ENDLIST\n"
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{other}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
DESCRIPTION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 26\n"


@pytest.mark.parametrize(
    "text",
    [CONCAT, PLAIN_CONCAT, PLAYLIST, MANIFEST, DESCRIPTION],
    ids=["ffconcat", "concat", "hls", "dash", "sdp"],
)
@pytest.mark.parametrize("is_remote", [False, True], ids=["local", "remote"])
def test_a_list_of_other_files_is_no_video(tmp_path: Path, text: str, is_remote: bool) -> None:
    write_video(tmp_path / "other.mp4", seconds=1).rename(tmp_path / "other.dat")
    content = text.format(other="other.dat")
    address = str(tmp_path / "cam1_20260302T090000Z.mp4")
    if is_remote:
        address = "memory://footage/cam1_20260302T090000Z.mp4"
    with fsspec.open(address, "w") as stream:
        stream.write(content)
    with pytest.raises(FootageUnreadable, match="no video in it"):
        probe(address)


def test_a_named_pipe_is_rejected_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "cam1_20260302T090000Z.mp4"
    os.mkfifo(pipe)
    raised: list[Exception] = []

    def read() -> None:
        try:
            probe(str(pipe))
        except FootageUnreadable as error:
            raised.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert [str(error) for error in raised] == [f"{pipe}: this is no regular file."]


def test_descriptors_are_closed(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", seconds=1)
    broken = tmp_path / "b.mp4"
    broken.write_bytes(b"no video")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        list(FrameSampler(str(video), rate=2.0, long_side=64).frames())
        with pytest.raises(FootageUnreadable):
            probe(str(broken))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "name", ["a b.mp4", "50%25.mp4", "größe.mp4", "a:b.mp4", "-.mp4", "#1?.mp4"]
)
def test_paths_and_file_urls_of_odd_names_open_alike(tmp_path: Path, name: str) -> None:
    video = write_video(tmp_path / name, seconds=1)
    assert probe(str(video)) == probe(video.as_uri())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"a{suffix}"
    cv2.imwrite(str(picture), np.full((96, 160, 3), 128, np.uint8))
    (frame,) = FrameSampler(str(picture), rate=2.0, long_side=160).frames()
    assert frame.pixels.shape == (96, 160, 3)
