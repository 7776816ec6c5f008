"""Opens video files, and selects the stream that is analysed.

Paths and fsspec URLs (`s3://…`, `https://…`) open alike. FFmpeg's errors are raised as
`FootageError`s with a readable message.
"""

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from cluster.errors import FootageError, FootageUnreadable, FootageUntimed
from cluster.runtime.footage_roots import is_remote
from cluster.streams.decode.opening import open_source
from cluster.streams.decode.truncation import is_cut

VideoPacket: TypeAlias = "av.Packet[VideoStream]"

MAX_TIMESTAMP = 1 << 62
"""FFmpeg's timestamps have 64 bits; a damaged header states more."""

MAX_READ_FAILURES = 16
"""Reading ends after so many packets in a row that cannot be read."""

MAX_PIXELS = 8192 * 4352
"""A frame that states more (than 8K) is not decoded: damage, or a trap for memory."""

_OPTIONS = {
    "fflags": "+genpts",
    # FFmpeg would take a clock that restarts for one that wraps, and add 26.5 hours to its times;
    # `Unwrapper` tells the two apart.
    "correct_ts_overflow": "0",
}


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file.

    Attributes:
        address: A path or an fsspec URL.
        container: FFmpeg's container.
        stream: The video stream that is analysed.
        start_seconds: The timestamp of its first frame, which is the zero of file time.
        stream_count: Its video streams, without cover pictures.
    """

    address: str
    container: InputContainer
    stream: VideoStream
    start_seconds: float
    stream_count: int = 1

    def to_seconds(self, timestamp: int, base: Fraction | None) -> float:
        """Convert a timestamp to seconds of file time."""
        return float(timestamp * (base or self.stream.time_base or 0)) - self.start_seconds

    def seek(self, seconds: float) -> None:
        """Seek to a key frame before a file time.

        Raises:
            av.FFmpegError: It cannot be sought in.
        """
        base = self.stream.time_base or Fraction(1, av.time_base)
        target = math.floor((seconds + self.start_seconds) / base)
        target = max(-MAX_TIMESTAMP, min(target, MAX_TIMESTAMP))
        self.container.seek(target, stream=self.stream)

    def packets(self, *, all_streams: bool = False) -> Iterator[VideoPacket]:
        """Yield the packets with data from here on; one that cannot be read is passed over.

        Args:
            all_streams: Also those of other streams.
        """
        streams = () if all_streams else (self.stream,)
        failures = 0
        while failures < MAX_READ_FAILURES:
            try:
                for packet in self.container.demux(*streams):
                    if packet.size:
                        failures = 0
                        yield cast("VideoPacket", packet)
            except av.EOFError:
                return
            except av.FFmpegError:
                failures += 1
            except IndexError:  # a stream that begins after the file was opened: not known to PyAV
                continue
            else:
                return


@contextmanager
def open_video(address: str) -> Iterator[OpenVideo]:
    """Open a video and the stream of it that FFmpeg holds for the best.

    Raises:
        FootageUnreadable: It is missing, empty, not a video, or has no video in it.
    """
    try:
        with (
            open_source(address) as (target, options),
            av.open(target, "r", options=options | _OPTIONS) as container,
        ):
            candidates = _video_streams(container, address)
            stream = _best_stream(container, candidates)
            start = _start_seconds(container, stream, address)
            yield OpenVideo(address, container, stream, start, len(candidates))
    except FileNotFoundError as error:
        suffix = f", or it cannot be reached: {error}" if is_remote(address) else ""
        raise FootageUnreadable(f"there is no such file{suffix}.", where=address) from None
    except av.FFmpegError as error:
        raise FootageUnreadable(_describe_error(error, address), where=address) from error
    except (OSError, ImportError, ValueError) as error:
        raise FootageUnreadable(f"it cannot be opened: {error}.", where=address) from error


def untimed_error(address: str) -> FootageUntimed:
    """Return the error for a file without timestamps."""
    return FootageUntimed(
        "its frames have no timestamps.",
        where=address,
        hint="Put it into a container: ffmpeg -r RATE -i FILE -c copy FILE.mp4",
    )


def _video_streams(container: InputContainer, address: str) -> Sequence[VideoStream]:
    """Return the video streams that can be decoded, without cover pictures; at least one."""
    pictures = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
    videos = [s for s in container.streams.video if s not in pictures]
    decodable = [s for s in videos if s.codec_context is not None]
    if decodable:
        return decodable
    if videos:
        raise _undecodable_error(address)
    kinds = sorted({"cover picture" if s in pictures else s.type for s in container.streams})
    what = f"no video ({', '.join(kinds)} only)" if kinds else "no stream at all"
    raise FootageUnreadable(f"it holds {what}.", where=address)


def _best_stream(container: InputContainer, candidates: Sequence[VideoStream]) -> VideoStream:
    """Return FFmpeg's best stream, unless that is a single picture beside a video."""
    moving = [stream for stream in candidates if stream.frames != 1] or candidates
    best = container.streams.best("video")
    for stream in moving:
        if stream is best:
            return stream
    return max(moving, key=lambda stream: stream.width * stream.height)


def _start_seconds(container: InputContainer, stream: VideoStream, address: str) -> float:
    """Return the timestamp of the stream's first frame, in seconds."""
    base = float(stream.time_base or 0)
    # AVI states when the first frame is decoded, and not when it is displayed.
    if stream.start_time is not None and container.format.name != "avi":
        return float(stream.start_time * base)
    first = next(OpenVideo(address, container, stream, 0.0).packets(), None)
    if first is None:
        return 0.0
    if first.pts is None:
        raise untimed_error(address)
    container.seek(0)
    return float(first.pts * base)


def _undecodable_error(address: str) -> FootageError:
    if is_cut(address):
        return FootageUnreadable(
            "it was cut while it was written: its index is not complete.", where=address
        )
    return FootageUnreadable("FFmpeg does not know the format of its video.", where=address)


def _describe_error(error: av.FFmpegError, address: str) -> str:
    if isinstance(error, av.EOFError):
        return f"it ends before its first frame ({error.strerror})."
    if isinstance(error, av.InvalidDataError):
        if is_cut(address):
            return f"it was truncated before its index was written ({error.strerror})."
        return f"FFmpeg finds no video in it, or it is damaged ({error.strerror})."
    if error.errno == errno.EINVAL:  # its format is not one of those that may be opened
        return "FFmpeg finds no video in it; lists of other files are not followed."
    return f"FFmpeg cannot read it: {error.strerror}."
