"""Reads the properties of a video file: what its packets say, and not what its header states.

first frame -> size, orientation        last packets -> duration
odd timestamps -> all packets are read  -> where they can be believed up to
"""

import math
from dataclasses import dataclass, field
from itertools import chain

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.errors import FootageError, FootageTruncated, FootageUnreadable, FootageUntimed
from cluster.runtime.footage_roots import is_remote
from cluster.streams.decode.container import (
    MAX_PIXELS,
    OpenVideo,
    VideoPacket,
    open_video,
    untimed_error,
)
from cluster.streams.decode.orientation import Orientation, frame_orientation
from cluster.streams.decode.packet_groups import MAX_DURATION_HOURS, GroupReader
from cluster.streams.decode.sampling_report import SamplingReport
from cluster.streams.decode.seeking import UNINDEXED_FORMATS
from cluster.streams.decode.timestamps import MAX_BACKWARD_JUMP_SECONDS, MAX_REORDERED_FRAMES
from cluster.streams.decode.truncation import file_size, is_cut

MAX_FRAME_SECONDS = 0.5
"""Stated durations of single frames are capped at this."""

CUT_TOLERANCE_SECONDS = 1.0
UNDECODABLE_PACKETS = 100
"""If so many packets at the start do not decode, only key frames are tried."""

MPEG_STREAMS = frozenset({"mpegts", "mpeg"})
"""Their duration is not stated: FFmpeg takes it from the first and the last timestamps."""

MAX_SAMPLED_POSITIONS = 64
SAMPLED_BYTES = 2 << 20
"""Timestamps are looked at once in so many bytes of a file without an index."""

_BISECTIONS = 20


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of a video file.

    Attributes:
        width: Of the upright picture with square pixels, as it is displayed.
        height: Likewise.
        duration_seconds: From the first frame to the end of the last that has a time.
        frame_rate: Nominal frames a second; 0 where unknown.
        orientation: How stored frames are turned and flipped to be displayed.
        codec: FFmpeg's name of it.
        is_seekable: Whether frames can be found by their time.
        problems: Why a part of it cannot be used.
        notes: What else is odd, in words.
    """

    width: int
    height: int
    duration_seconds: float
    frame_rate: float
    orientation: Orientation
    codec: str
    is_seekable: bool = True
    problems: tuple[FootageError, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far a file reaches."""

    seconds: float
    is_seekable: bool = True
    problem: FootageError | None = None


def probe(address: str) -> VideoInfo:
    """Read the properties of a video file, and decode its first frame.

    Raises:
        FootageUnreadable: FFmpeg cannot read it, or finds no video in it.
        FootageUntimed: It has no timestamps.
    """
    with open_video(address) as video:
        stream = video.stream
        frame = _first_frame(video)
        orientation = frame_orientation(frame)
        width, height = upright_size(stream, orientation)
        extent = _measure_extent(video)
        return VideoInfo(
            width=width,
            height=height,
            duration_seconds=extent.seconds,
            frame_rate=float(stream.average_rate or 0),
            orientation=orientation,
            codec=stream.codec_context.name,
            is_seekable=extent.is_seekable,
            problems=() if extent.problem is None else (extent.problem,),
            notes=_describe_streams(video),
        )


def upright_size(stream: VideoStream, orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) of the picture as it is displayed: upright, with square pixels."""
    aspect = float(stream.sample_aspect_ratio or 1)
    width, height = round(stream.width * (aspect or 1)), stream.height
    return (height, width) if orientation.is_sideways else (width, height)


def _describe_streams(video: OpenVideo) -> tuple[str, ...]:
    if video.stream_count == 1:
        return ()
    size = f"{video.stream.width}×{video.stream.height}"
    return (f"it holds {video.stream_count} video streams; the one of {size} pixels is analysed.",)


def _first_frame(video: OpenVideo) -> VideoFrame:
    """Decode the first frame that decodes: what comes before a key frame may be damaged.

    Raises:
        FootageUnreadable: No frame decodes.
        FootageUntimed: Its packets have no timestamps.
    """
    context = video.stream.codec_context
    context.options = {"max_pixels": str(MAX_PIXELS)}
    has_packets = False
    tries = UNDECODABLE_PACKETS
    for packet in chain(video.packets(), [None]):
        if packet is not None:
            has_packets = True
            if packet.is_keyframe and tries <= 0:
                context.flush_buffers()
                tries = MAX_REORDERED_FRAMES + 1
            if tries <= 0:
                continue
            tries -= 1
        try:
            frames = context.decode(packet)
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.pts is None:
                raise untimed_error(video.address)
            return frame
    what = "none of its frames can be decoded." if has_packets else "its video holds no frame."
    raise FootageUnreadable(what, where=video.address)


def _measure_extent(video: OpenVideo) -> _Extent:
    """Return how far the packets of a file reach, and whether it was cut."""
    stated = _stated_seconds(video)
    try:
        size = _unindexed_size(video)
        if 0 < size <= SAMPLED_BYTES:
            return _read_extent(video)
        end = _end_of_packets(video, stated, size)
        if end is None:
            end = _end_before_cut(video, stated)
        if not _is_in_order(video, end, size):
            return _read_extent(video)
        is_short = (
            video.container.format.name not in MPEG_STREAMS
            and end < stated - CUT_TOLERANCE_SECONDS
            and not _reaches(video, stated)
        )
    except av.FFmpegError:
        return _Extent(stated)  # not seekable: reading reports where it ends
    if is_short or (video.container.format.name == "avi" and is_cut(video.address)):
        return _Extent(end, problem=_cut_error(video.address, end, stated))
    return _Extent(end)


def _stated_seconds(video: OpenVideo) -> float:
    """Return the duration that the header states; 0 if none."""
    container, stream = video.container, video.stream
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if not container.duration:
        return 0.0
    seconds = container.duration / av.time_base
    # Matroska states the end, and not the duration.
    return seconds - video.start_seconds if "matroska" in container.format.name else seconds


def _unindexed_size(video: OpenVideo) -> int:
    """Return the size in bytes of a local file without an index; 0 for other files."""
    is_indexed = video.container.format.name not in UNINDEXED_FORMATS
    return 0 if is_indexed or is_remote(video.address) else file_size(video.address)


def _end_of_packets(video: OpenVideo, seconds: float, size: int = 0) -> float | None:
    """Return where the packets of a file end, in file time; None if there are none.

    Args:
        video: The file.
        seconds: Packets from this file time on are read.
        size: In bytes; if given, the last packets are read instead.
    """
    if size:
        video.container.seek(size - SAMPLED_BYTES, unsupported_byte_offset=True)
    else:
        video.seek(seconds)
    report = SamplingReport()
    reader = GroupReader(video, report, from_start=False)
    end: float | None = None
    try:
        for group in reader.groups():
            for time in group.times:
                end = time if end is None else max(end, time)
            last = group.packets[-1]
    except FootageUntimed:
        return -1.0  # out of order: all packets are read
    return None if end is None else end + _shown_seconds(video, reader, last)


def _shown_seconds(video: OpenVideo, reader: GroupReader, packet: VideoPacket) -> float:
    """Return how long the last frame is shown: not longer than frames usually are."""
    stated = float((packet.duration or 0) * (video.stream.time_base or 0))
    usual = reader.usual_interval
    return min(stated or (usual if usual < math.inf else 0.0), MAX_FRAME_SECONDS, usual)


def _end_before_cut(video: OpenVideo, stated: float) -> float:
    """Return where the packets end of a file whose index leads further than its data."""
    begins, ends = 0.0, stated
    for _ in range(_BISECTIONS):
        middle = (begins + ends) / 2
        video.seek(middle)
        packet = next(video.packets(), None)
        begins, ends = (begins, middle) if packet is None else (middle, ends)
        if ends - begins < CUT_TOLERANCE_SECONDS / 4:
            break
    return _end_of_packets(video, begins) or 0.0


def _is_in_order(video: OpenVideo, end: float, size: int) -> bool:
    """Whether timestamps rise through the file, as far as looking at a few of them tells."""
    if not 0 < end <= MAX_DURATION_HOURS * 3600:
        return False
    latest = 0.0
    count = min(MAX_SAMPLED_POSITIONS, size // SAMPLED_BYTES)
    for index in range(1, count):
        video.container.seek(size * index // count, unsupported_byte_offset=True)
        pts = next((p.pts for p in video.packets() if p.pts is not None), None)
        if pts is None:
            continue
        time = video.to_seconds(pts, video.stream.time_base)
        if time < latest - MAX_BACKWARD_JUMP_SECONDS or time > end + MAX_BACKWARD_JUMP_SECONDS:
            return False
        latest = max(latest, time)
    return True


def _read_extent(video: OpenVideo) -> _Extent:
    """Read all packets, and return how far they can be believed."""
    video.container.seek(0)
    report = SamplingReport()
    reader = GroupReader(video, report)
    problem: FootageError | None = None
    shown = 0.0
    try:
        for group in reader.groups():
            shown = _shown_seconds(video, reader, group.packets[-1])
    except FootageUntimed as error:
        problem = error
    return _Extent(report.last_seconds + shown, reader.is_seekable, problem)


def _reaches(video: OpenVideo, stated: float) -> bool:
    """Whether any stream, or the last frame for as long as it is shown, reaches the stated end."""
    video.seek(stated)
    for packet in video.packets(all_streams=True):
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            if end - video.start_seconds >= stated - CUT_TOLERANCE_SECONDS:
                return True
    return False


def _cut_error(address: str, end: float, stated: float) -> FootageTruncated:
    said = f", though it states {stated:.1f} s" if stated > end + CUT_TOLERANCE_SECONDS else ""
    return FootageTruncated(
        f"it holds no frame after {end:.1f} s{said}.",
        where=address,
        hint="It was cut; what came before is analysed.",
    )
