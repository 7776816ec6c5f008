"""Opens video files, and reads their properties.

Paths and fsspec URLs (`s3://…`, `https://…`) open alike. FFmpeg's errors are raised as
`FootageError`s with a readable message.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
import fsspec
from av.container import InputContainer
from av.video.stream import VideoStream

from cluster.errors import FootageUnreadable, FootageUntimed
from cluster.runtime.footage_roots import is_remote
from cluster.streams.decode.opening import open_source

MAX_DURATION_HOURS = 26
"""A file that declares more than a day of video has a broken header or clock."""

MAX_FRAME_SECONDS = 0.5
"""Declared durations of single frames are capped at this."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of a video file.

    Attributes:
        width: Of the upright picture with square pixels, as it is displayed.
        height: Likewise.
        duration_seconds: From the first frame to the end of the last, by timestamps.
        frame_rate: Nominal frames a second; 0 where unknown.
        rotation: Degrees counter-clockwise by which stored frames are rotated to be upright.
        codec: FFmpeg's name of it.
    """

    width: int
    height: int
    duration_seconds: float
    frame_rate: float
    rotation: int
    codec: str


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file.

    Attributes:
        container: FFmpeg's container.
        stream: Its first video stream that is no cover picture.
        start_seconds: The timestamp of the first frame, which is the zero of file time.
    """

    container: InputContainer
    stream: VideoStream
    start_seconds: float

    def to_seconds(self, timestamp: int, base: Fraction | None) -> float:
        """Convert a timestamp to seconds of file time."""
        return float(timestamp * (base or self.stream.time_base or 0)) - self.start_seconds


@contextmanager
def open_video(address: str) -> Iterator[OpenVideo]:
    """Open a video and its first video stream (cover pictures do not count).

    Raises:
        FootageUnreadable: It is missing, empty, not a video, or has no video in it.
    """
    try:
        with (
            open_source(address) as (target, options),
            av.open(target, "r", options=options | {"fflags": "+genpts"}) as container,
        ):
            stream = _video_stream(container, address)
            yield OpenVideo(container, stream, _start_seconds(container, stream, address))
    except FileNotFoundError as error:
        suffix = f", or it cannot be reached: {error}" if is_remote(address) else ""
        raise FootageUnreadable(f"there is no such file{suffix}.", where=address) from None
    except av.FFmpegError as error:
        raise FootageUnreadable(_describe_error(error, address), where=address) from error
    except (OSError, ImportError, ValueError) as error:
        raise FootageUnreadable(f"it cannot be opened: {error}.", where=address) from error


def probe(address: str) -> VideoInfo:
    """Read the properties of a video file, and decode its first frame.

    Raises:
        FootageUnreadable: FFmpeg cannot read it, or finds no video in it.
        FootageUntimed: It has no timestamps, or declares an impossible duration.
    """
    with open_video(address) as video:
        container, stream = video.container, video.stream
        frame = next(container.decode(stream), None)
        if frame is None:
            raise FootageUnreadable("its video stream holds no frame.", where=address)
        if frame.pts is None:
            raise untimed_error(address)
        width, height = upright_size(stream, frame.rotation)
        duration = _duration_seconds(video)
        if duration > MAX_DURATION_HOURS * 3600:
            raise FootageUntimed(
                f"it declares a duration of {duration / 3600:.0f} hours.",
                where=address,
                hint="Check the recorder's clock, and split the file into days.",
            )
        return VideoInfo(
            width=width,
            height=height,
            duration_seconds=duration,
            frame_rate=float(stream.average_rate or 0),
            rotation=frame.rotation % 360,
            codec=stream.codec_context.name,
        )


def upright_size(stream: VideoStream, rotation: int) -> tuple[int, int]:
    """Return (width, height) of the picture as it is displayed: upright, with square pixels."""
    aspect = float(stream.sample_aspect_ratio or 1)
    width, height = round(stream.width * (aspect or 1)), stream.height
    return (height, width) if rotation % 180 else (width, height)


def _start_seconds(container: InputContainer, stream: VideoStream, address: str) -> float:
    """Return the timestamp of the stream's first frame, in seconds."""
    base = float(stream.time_base or 0)
    if stream.start_time is not None:
        return float(stream.start_time * base)
    first = next((packet for packet in container.demux(stream) if packet.size), None)
    if first is None:
        return 0.0
    if first.pts is None:
        raise untimed_error(address)
    container.seek(0)
    return float(first.pts * base)


def untimed_error(address: str) -> FootageUntimed:
    """Return the error for a file without timestamps."""
    return FootageUntimed(
        "its frames have no timestamps.",
        where=address,
        hint="Put it into a container: ffmpeg -r RATE -i FILE -c copy FILE.mp4",
    )


def _video_stream(container: InputContainer, address: str) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    pictures = set(container.streams.video)
    kinds = sorted({"cover picture" if s in pictures else s.type for s in container.streams})
    raise FootageUnreadable(
        f"it holds no video ({', '.join(kinds) or 'nothing'} only).", where=address
    )


def _duration_seconds(video: OpenVideo) -> float:
    """Return the declared duration, or the end of the last frame where that is later.

    Declared durations use decoding timestamps, which lag behind when frames are reordered, and
    files that were never closed declare none.
    """
    container, stream = video.container, video.stream
    declared = 0.0
    if stream.duration and stream.time_base:
        declared = float(stream.duration * stream.time_base)
    elif container.duration:
        declared = container.duration / av.time_base
        if "matroska" in container.format.name:
            declared -= video.start_seconds  # Matroska declares the end, not the duration
    try:
        container.seek(round((declared + video.start_seconds) * av.time_base))
        base = float(stream.time_base or 0)
        ends = (
            packet.pts * base + min((packet.duration or 0) * base, MAX_FRAME_SECONDS)
            for packet in container.demux(stream)
            if packet.pts is not None
        )
        return max(declared, max(ends, default=0.0) - video.start_seconds)
    except av.FFmpegError:
        return declared  # a damaged end: reading reports it when it gets there


def _describe_error(error: av.FFmpegError, address: str) -> str:
    if isinstance(error, av.EOFError):
        return f"it ends before its first frame ({error.strerror})."
    if isinstance(error, av.InvalidDataError):
        if _starts_like_mp4(address):
            return f"it was truncated before its index was written, or damaged ({error.strerror})."
        return f"FFmpeg finds no video in it ({error.strerror})."
    if error.errno == errno.EINVAL:  # its format is not one of those that may be opened
        return "FFmpeg finds no video in it; lists of other files are not followed."
    return f"FFmpeg cannot read it: {error.strerror}."


def _starts_like_mp4(address: str) -> bool:
    """Whether it begins like an MP4: without its index, one fails to open like any other file."""
    try:
        with fsspec.open(address, "rb") as stream:
            return bytes(stream.read(8)[4:]) == b"ftyp"
    except (OSError, ImportError, ValueError):
        return False
