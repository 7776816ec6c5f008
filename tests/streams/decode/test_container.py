"""Videos are opened, their properties read, and bad files rejected with a message."""

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import FootageError, FootageTruncated, FootageUnreadable, FootageUntimed
from cluster.streams.decode.container import open_video
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from tests.conftest import write_video
from tests.plugins.hypothesis_profiles import examples


def copy_streams(source: Path, target: Path, *, options: dict[str, str] | None = None) -> Path:
    """Copy a video into another container without encoding it again."""
    with av.open(source) as old, av.open(target, "w", options=options or {}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def write_audio(path: Path, *, cover: bool = False) -> Path:
    """Write a second of silence, optionally with a cover picture."""
    with av.open(path, "w") as container:
        audio = container.add_stream("aac", rate=16000, layout="mono")
        if cover:
            write_cover(container)
        for index in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, index * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


def write_cover(container: av.container.OutputContainer) -> None:
    """Add a cover picture of 64x64 pixels as the next stream."""
    cover = container.add_stream("png", rate=1)
    cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
    cover.disposition = av.stream.Disposition.attached_pic
    picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
    picture.pts = 0
    container.mux(cover.encode(picture))
    container.mux(cover.encode())


def put_the_cover_first(path: Path) -> None:
    """Move an MP4's `udta` box, which holds the cover, before its tracks."""
    video = path.read_bytes()
    position = index_position(video)
    children: list[bytes] = []
    rest = video[position + 8 :]
    while rest:
        size = int.from_bytes(rest[:4])
        children.append(rest[:size])
        rest = rest[size:]
    children.sort(key=lambda box: {b"mvhd": 0, b"udta": 1}.get(box[4:8], 2))
    path.write_bytes(video[: position + 8] + b"".join(children))


def index_position(video: bytes) -> int:
    """Return the position of the box `moov` (an MP4's index)."""
    return video.index(b"moov") - 4


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of an MP4."""
    return (8 + len(content)).to_bytes(4) + kind + content


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("Minutes of the parents' evening.\n" * 40)
    return path


def audio_only(folder: Path) -> Path:
    return write_audio(folder / "audio.mp4")


def audio_with_cover(folder: Path) -> Path:
    return write_audio(folder / "song.mp4", cover=True)


def a_folder(folder: Path) -> Path:
    path = folder / "folder.mp4"
    path.mkdir()
    return path


def truncated_before_its_index(folder: Path) -> Path:
    path = write_video(folder / "cut.mp4")
    video = path.read_bytes()
    path.write_bytes(video[: index_position(video) * 2 // 3])
    return path


def index_without_frames(folder: Path) -> Path:
    whole = write_video(folder / "whole.mp4")
    path = copy_streams(whole, folder / "bare.mp4", options={"movflags": "faststart"})
    video = path.read_bytes()
    path.write_bytes(video[: video.index(b"mdat") + 4])
    return path


def raw_h264(folder: Path) -> Path:
    return write_video(folder / "raw.h264", seconds=1)


BAD_FILES = [
    (missing, FootageUnreadable, "no such file"),
    (empty, FootageUnreadable, "no video in it"),
    (text, FootageUnreadable, "no video in it"),
    (audio_only, FootageUnreadable, r"holds no video \(audio only\)"),
    (audio_with_cover, FootageUnreadable, "holds no video"),
    (a_folder, FootageUnreadable, "this is a folder"),
    (truncated_before_its_index, FootageUnreadable, "truncated before its index was written"),
    (index_without_frames, FootageUnreadable, "no frame|before its first frame"),
    (raw_h264, FootageUntimed, "no timestamps"),
]
BadFile = Callable[[Path], Path]


@pytest.mark.parametrize(("make", "kind", "message"), BAD_FILES)
def test_a_bad_file_is_rejected_with_its_name_and_the_reason(
    tmp_path: Path, make: BadFile, kind: type[FootageError], message: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(kind, match=message) as caught:
        probe(str(path))
    assert caught.value.where == str(path)
    assert "Errno" not in caught.value.what


@pytest.mark.parametrize("make", [make for make, _, _ in BAD_FILES if make is not a_folder])
def test_sampling_a_bad_file_raises_only_footage_errors(tmp_path: Path, make: BadFile) -> None:
    path = make(tmp_path)
    try:
        frames = list(FrameSampler(str(path)).frames())
    except FootageError as error:
        assert error.where == str(path)  # noqa: PT017 (no error and no frames is right too)
    else:
        assert frames == []


def test_audio_with_a_cover_picture_is_not_reported_as_video(tmp_path: Path) -> None:
    with pytest.raises(FootageUnreadable) as caught:
        probe(str(audio_with_cover(tmp_path)))
    assert "video only" not in caught.value.what


def test_the_error_for_a_raw_stream_names_the_command_that_repairs_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(FootageUntimed) as caught:
        probe(str(raw_h264(tmp_path)))
    assert "ffmpeg -r" in str(caught.value.hint)


def test_a_truncated_file_with_its_index_in_front_ends_with_its_packets(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4")
    path = copy_streams(whole, tmp_path / "cut.mp4", options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    video = probe(str(path))
    (problem,) = video.problems
    assert isinstance(problem, FootageTruncated)
    assert "though it states 4.0 s" in problem.what
    assert 1.0 < video.duration_seconds < 3.0
    frames = [frame.time_seconds for frame in FrameSampler(str(path), rate=10).frames()]
    assert frames[-1] == pytest.approx(video.duration_seconds - 0.1, abs=0.11)


def test_a_duration_of_more_than_a_day_is_not_believed(tmp_path: Path) -> None:
    day = 30 * 3600.0
    path = write_video(
        tmp_path / "clock.mkv", times=[0.0, 0.1, 0.2, day, day + 0.1], options={"bf": "0"}
    )
    video = probe(str(path))
    (problem,) = video.problems
    assert isinstance(problem, FootageUntimed)
    assert "jump ahead by 107999.8 s after 0.2 s" in problem.what
    assert video.duration_seconds == pytest.approx(0.3, abs=0.01)


def test_a_video_may_have_a_single_frame(tmp_path: Path) -> None:
    video = probe(str(write_video(tmp_path / "one.mp4", seconds=0.1)))
    assert (video.width, video.height) == (160, 96)
    assert video.duration_seconds == pytest.approx(0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_good_file_has_a_size_a_duration_and_a_rate(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"good.{suffix}", size=(192, 128), seconds=3, rate=20)
    video = probe(str(path))
    assert (video.width, video.height, video.codec) == (192, 128, "h264")
    assert video.duration_seconds == pytest.approx(3.0, abs=0.06)
    assert video.frame_rate == pytest.approx(20.0)


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", seconds=1)
    path = tmp_path / "covered.mp4"
    with av.open(plain) as old, av.open(path, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        write_cover(new)
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    put_the_cover_first(path)
    with av.open(path) as container:
        assert container.streams.video[0].width == 64, "the cover should be the first stream"
    video = probe(str(path))
    assert (video.codec, video.width, video.height) == ("h264", 160, 96)
    assert len(list(FrameSampler(str(path)).frames())) == 2


@settings(max_examples=examples(25), deadline=None)
@given(intervals=st.lists(st.integers(40, 8000), min_size=1, max_size=6))
def test_the_duration_of_a_variable_rate_includes_the_last_frame(
    tmp_path_factory: pytest.TempPathFactory, intervals: list[int]
) -> None:
    times = [0.0]
    for interval in intervals:
        times.append(times[-1] + interval / 1000)
    path = tmp_path_factory.mktemp("vfr") / "vfr.mkv"
    write_video(path, size=(32, 32), codec="mpeg4", times=times)
    duration = probe(str(path)).duration_seconds
    assert times[-1] < duration <= times[-1] + 0.6


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_part_with_continued_timestamps_has_its_own_duration(tmp_path: Path, suffix: str) -> None:
    times = [600 + index / 10 for index in range(40)]
    path = write_video(tmp_path / f"piece.{suffix}", times=times, options={"bf": "0"})
    assert probe(str(path)).duration_seconds == pytest.approx(4.0, abs=0.11)


def test_the_duration_includes_the_last_frame_when_frames_are_reordered(tmp_path: Path) -> None:
    path = write_video(tmp_path / "b.mkv", seconds=2, options={"bf": "3", "b_strategy": "0"})
    assert probe(str(path)).duration_seconds == pytest.approx(2.0, abs=0.01)


def test_the_duration_of_a_file_that_was_never_closed_is_measured(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", seconds=4)
    path = copy_streams(whole, tmp_path / "live.mkv", options={"live": "1"})
    assert probe(str(path)).duration_seconds == pytest.approx(4.0, abs=0.11)


def test_non_square_pixels_are_stretched_to_the_displayed_size(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 144, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        frame = av.VideoFrame.from_ndarray(np.zeros((96, 144, 3), np.uint8), format="bgr24")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert (probe(str(path)).width, probe(str(path)).height) == (256, 96)


@pytest.fixture
def in_memory() -> Iterator[str]:
    """The start of an fsspec URL whose files are removed after the test."""
    memory = fsspec.filesystem("memory")
    memory.mkdirs("/footage", exist_ok=True)
    yield "memory://footage"
    memory.rm("/footage", recursive=True)


def test_a_url_opens_like_a_path(tmp_path: Path, in_memory: str) -> None:
    path = write_video(tmp_path / "lesson.mp4")
    address = f"{in_memory}/lesson.mp4"
    with fsspec.open(address, "wb") as file:
        file.write(path.read_bytes())
    assert probe(address) == probe(str(path))
    there = [(f.time_seconds, f.pixels.tolist()) for f in FrameSampler(address).frames(1, 3)]
    here = [(f.time_seconds, f.pixels.tolist()) for f in FrameSampler(str(path)).frames(1, 3)]
    assert len(here) == 4
    assert there == here


def test_a_file_url_with_a_space_opens_like_a_path(tmp_path: Path) -> None:
    path = write_video(tmp_path / "room 1 %20.mp4", seconds=1)
    assert "%20" in path.as_uri()
    assert probe(path.as_uri()) == probe(str(path))


def test_a_file_without_any_stream_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    header = bytes(12) + (1000).to_bytes(4) + bytes(4) + (1 << 16).to_bytes(4) + bytes(80)
    path.write_bytes(box(b"ftyp", b"isom\x00\x00\x02\x00isom") + box(b"moov", box(b"mvhd", header)))
    with pytest.raises(FootageUnreadable, match="it holds no stream at all"):
        probe(str(path))


def test_a_file_url_opens_like_a_path(tmp_path: Path) -> None:
    path = write_video(tmp_path / "lesson.mp4", seconds=1)
    assert probe(path.as_uri()) == probe(str(path))


def test_a_url_without_a_file_is_rejected_with_a_message(in_memory: str) -> None:
    with pytest.raises(FootageUnreadable, match="no such file"):
        probe(f"{in_memory}/missing.mp4")


def test_a_text_file_at_a_url_is_rejected_with_a_message(in_memory: str) -> None:
    with fsspec.open(f"{in_memory}/text.mp4", "wb") as file:
        file.write(b"Minutes of the parents' evening.\n" * 40)
    with pytest.raises(FootageUnreadable, match="no video in it"):
        probe(f"{in_memory}/text.mp4")


def test_an_unknown_scheme_is_rejected_with_a_message() -> None:
    with pytest.raises(FootageUnreadable, match="cannot be opened"):
        probe("carrierpigeon://roof/lesson.mp4")


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_of_a_web_server_names_the_url(status: int) -> None:
    class ErrorHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        do_HEAD = do_GET  # noqa: N815 (http.server's own names)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with ThreadingHTTPServer(("127.0.0.1", 0), ErrorHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/lesson.mp4"
        try:
            with pytest.raises(FootageUnreadable) as caught:
                probe(address)
        finally:
            server.shutdown()
    assert caught.value.where == address


@pytest.mark.parametrize("name", ["data:lesson.mp4", "room 1 #2 100%25?.mp4", "concat:a|b.mp4"])
def test_a_file_name_is_never_parsed_as_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_video(tmp_path / "lesson.mp4", seconds=1).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(name).duration_seconds == pytest.approx(1.0)


def test_an_error_while_reading_is_translated_and_the_file_is_closed(
    tmp_path: Path, in_memory: str
) -> None:
    address = f"{in_memory}/lesson.mp4"
    with fsspec.open(address, "wb") as file:
        file.write(write_video(tmp_path / "lesson.mp4", seconds=1).read_bytes())
    with (
        pytest.raises(FootageUnreadable, match="Invalid data found") as caught,
        open_video(address) as video,
    ):
        raise av.InvalidDataError(1, "Invalid data found when processing input")
    assert caught.value.where == address
    with pytest.raises(AssertionError, match="not open"):
        next(video.container.demux(video.stream))
