"""Videos as recorders, phones and tools leave them, each odd in one way, with what is right.

Every decoder of files has to give the frames of every row (`test_odd_videos.py`). Frames carry
their number (`numbered_frame`); unless a row says otherwise there are forty, ten a second.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from cluster.streams.decode.container import VideoPacket
from tests.conftest import write_video
from tests.streams.decode.numbered import NO_B_FRAMES, numbered_frame, numbered_video

Change = Callable[[int, VideoPacket], None]
COUNT, RATE = 40, 10
ALL = list(range(0, COUNT, 5))
"""The frames that two a second take of all."""

WRAP = 1 << 33
SUFFIXES = ("mp4", "mkv", "ts", "avi", "flv", "mov")


@dataclass(frozen=True)
class OddVideo:
    """A row of the table.

    Attributes:
        name: What is odd.
        make: Writes it into a folder.
        numbers: The frames that two a second give.
        seconds: Its duration by its packets.
        gaps: How many stretches without frames are reported.
        left_out: How many frames that leapt are.
        lost: The stretch that is reported as lost, to half a second.
        problem: Words of the problem that probing reports.
        error: Words of the error that reading all of it ends with.
        note: Words of the note that probing reports.
        mirrored: Its frames are stored as mirror images.
    """

    name: str
    make: Callable[[Path], Path]
    numbers: list[int]
    seconds: float = COUNT / RATE
    gaps: int = 0
    left_out: int = 0
    lost: tuple[float, float] | None = None
    problem: str = ""
    error: str = ""
    note: str = ""
    mirrored: bool = False


def video(folder: Path, suffix: str = "mp4", count: int = COUNT, **options: str) -> Path:
    """Write numbered frames with a key frame a second."""
    options = {"g": "10", "keyint_min": "10"} | options
    return numbered_video(folder / f"plain.{suffix}", count, rate=RATE, options=options)


def remux(
    source: Path,
    target: Path,
    change: Change = lambda _index, _packet: None,
    **options: str,
) -> Path:
    """Copy the packets of a video into another file, each changed by its number."""
    with av.open(source) as old, av.open(target, "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = (packet for packet in old.demux(video=0) if packet.size)
        for index, packet in enumerate(packets):
            change(index, packet)
            packet.stream = stream
            new.mux(packet)
    return target


def _shift(seconds: float) -> Change:
    def change(_index: int, packet: VideoPacket) -> None:
        ticks = round(seconds / packet.time_base)
        packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks

    return change


def _leap(number: int, seconds: float) -> Change:
    def change(index: int, packet: VideoPacket) -> None:
        if index == number:
            packet.pts = (packet.pts or 0) + round(seconds / packet.time_base)

    return change


def _leaping(number: int, seconds: float, suffix: str = "mp4") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        target = folder / f"leaps.{suffix}"
        return remux(video(folder), target, _leap(number, seconds))

    return make


def _restamped(number: int, seconds: float) -> Callable[[Path], Path]:
    """Write another timestamp into the header of one frame (ISO/IEC 13818-1, 2.4.3.6)."""

    def make(folder: Path) -> Path:
        path = remux(video(folder), folder / "restamped.ts")
        with av.open(path) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        data = bytearray(path.read_bytes())
        place = data.index(b"\x00\x00\x01\xe0", packets[number].pos or 0) + 9
        stated = packets[number].pts or 0
        pts = (stated + round(seconds * 90_000)) % WRAP
        parts = (pts >> 30, pts >> 22 & 0xFF, pts >> 15 & 0x7F, pts >> 7 & 0xFF, pts & 0x7F)
        data[place] = data[place] & 0xF0 | parts[0] << 1 | 1
        data[place + 1 : place + 5] = bytes(
            [parts[1], parts[2] << 1 | 1, parts[3], parts[4] << 1 | 1]
        )
        path.write_bytes(bytes(data))
        return path

    return make


def _overstated(folder: Path) -> Path:
    def change(index: int, packet: VideoPacket) -> None:
        if index == COUNT - 1:
            packet.duration = round(8520 / packet.time_base)

    options = {"movflags": "frag_keyframe+empty_moov"}
    return remux(video(folder), folder / "overstated.mp4", change, **options)


def _longer_sound(folder: Path) -> Path:
    target = folder / "sound.mkv"
    with av.open(video(folder)) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        sound = new.add_stream("aac", rate=16000, layout="mono")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
        for index in range(10 * 16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, index * 1024
            new.mux(sound.encode(frame))
        new.mux(sound.encode())
    return target


def _restarted(first_seconds: float, count: int = COUNT) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        source = video(folder)
        first = remux(source, folder / "first.ts", _shift(first_seconds))
        second = remux(video(folder, "mkv", count), folder / "second.ts")
        target = folder / "restarted.ts"
        target.write_bytes(first.read_bytes() + second.read_bytes())
        return target

    return make


def _wrapped(folder: Path) -> Path:
    return remux(video(folder), folder / "wrapped.ts", _shift((WRAP / 90_000) - 2.0))


def _damaged(first: int, last: int, suffix: str = "mp4") -> Callable[[Path], Path]:
    """Overwrite the packets of some frames with noise."""

    def make(folder: Path) -> Path:
        path = video(folder, suffix)
        with av.open(path) as container:
            places = [(p.pos or 0, p.size) for p in container.demux(video=0) if p.size]
        data, noise = bytearray(path.read_bytes()), np.random.default_rng(5)
        for position, size in places[first : last + 1]:
            # Past the first bytes, which hold the number of a block in Matroska.
            data[position + 8 : position + size] = noise.bytes(size - 8)
        path.write_bytes(bytes(data))
        return path

    return make


def _write_track(container: OutputContainer, stream: VideoStream, count: int) -> None:
    """Encode black frames, ten a second."""
    black = np.zeros((stream.height, stream.width, 3), np.uint8)
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(black, format="bgr24")
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _second_track(codec: str, size: tuple[int, int], count: int) -> Callable[[Path], Path]:
    """Write a video behind another track of black frames."""

    def make(folder: Path) -> Path:
        target = folder / "tracks.mp4"
        with av.open(video(folder)) as old, av.open(target, "w") as new:
            other = new.add_stream(codec, rate=RATE)
            assert isinstance(other, VideoStream)
            other.width, other.height = size
            other.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream = new.add_stream_from_template(old.streams.video[0])
            stream.disposition, other.disposition = Disposition.default, Disposition(0)
            _write_track(new, other, count)
            for packet in old.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    new.mux(packet)
        return target

    return make


def _mirrored(folder: Path) -> Path:
    frames: Iterator[np.ndarray] = (numbered_frame(n)[:, ::-1] for n in range(COUNT))
    height, width = numbered_frame(0).shape[:2]
    source = write_video(
        folder / "stored.mp4", rate=RATE, size=(width, height), frames=frames, options=NO_B_FRAMES
    )
    target = folder / "mirrored.mp4"
    with av.open(source) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.set_display_matrix([-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return target


def _plain(suffix: str) -> Callable[[Path], Path]:
    return lambda folder: video(folder, suffix)


def _half_avi(folder: Path) -> Path:
    path = video(folder, "avi")
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: packets[COUNT // 2].pos])
    return path


ODD_VIDEOS = [
    OddVideo("the last sample states hours", _overstated, ALL),
    OddVideo("sound goes on after the picture", _longer_sound, ALL),
    OddVideo(
        "the clock starts again",
        _restarted(0.0),
        ALL,
        problem="jump back by 3.9 s after 3.9 s",
        error="jump back",
    ),
    OddVideo(
        "the clock starts again far back",
        _restarted(600.0),
        ALL,
        problem="jump back by 603.9 s after 3.9 s",
        error="jump back",
    ),
    OddVideo(
        "the clock starts again, and runs longer",
        _restarted(0.0, 200),
        ALL,
        problem="jump back by 3.9 s after 3.9 s",
        error="jump back",
    ),
    OddVideo("the counter wraps", _wrapped, ALL),
    OddVideo("one frame leaps ahead", _leaping(17, 9000.0), ALL, left_out=1),
    OddVideo("one frame leaps ahead within the file", _restamped(12, 20.0), ALL, left_out=1),
    OddVideo("one frame leaps back", _restamped(23, -1.0e4), ALL, left_out=1),
    OddVideo("a key frame leaps", _leaping(20, 9000.0), [*ALL[:4], 21, *ALL[5:]], left_out=1),
    OddVideo(
        "the first frame leaps",
        _restamped(0, 9000.0),
        [1, 10, 11, 20, 21, 30, 31, 36],
        seconds=3.9,
        left_out=1,
    ),
    OddVideo("the last frame leaps", _leaping(39, 9000.0), ALL, seconds=3.9, left_out=1),
    OddVideo(
        "it begins with noise",
        _damaged(0, 13),
        ALL[4:],
        lost=(0.0, 2.0),
    ),
    OddVideo("it has noise in the middle", _damaged(10, 19), ALL[:2] + ALL[4:], lost=(1.0, 2.0)),
    OddVideo(
        "it has noise in the middle (Matroska)",
        _damaged(10, 19, "mkv"),
        ALL[:2] + ALL[4:],
        lost=(1.0, 2.0),
    ),
    OddVideo(
        "a picture is its first track",
        _second_track("mjpeg", (128, 96), 1),
        ALL,
        note="it holds 2 video streams; the one of 64×48 pixels is analysed",
    ),
    OddVideo(
        "a small black video is its first track",
        _second_track("libx264", (32, 32), COUNT),
        ALL,
        note="it holds 2 video streams; the one of 64×48 pixels is analysed",
    ),
    OddVideo("it is stored as a mirror image", _mirrored, ALL, mirrored=True),
    *(OddVideo(f"nothing, in {suffix}", _plain(suffix), ALL) for suffix in SUFFIXES),
    OddVideo("half an AVI", _half_avi, ALL[:4], seconds=2.0, problem="it holds no frame after"),
]
