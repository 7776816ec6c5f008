"""Frames of a video file at the analysis rate, with the least decoding that provides them.

    packets -> groups of pictures (key frame to key frame) -> frames to decode -> downscaled frames

The analysis rate lays a grid of slots over the file. A slot is served by one frame inside its
period: by a key frame if there is one, else by the earliest frame. From the packets' timestamps it
is known before decoding where in each group those frames lie, so

- a group that serves no slot is not decoded at all;
- one that only its key frame serves costs one frame;
- in any other, decoding stops after the last frame that is needed;
- frames that no other refers to (H.264 and HEVC B-frames) are skipped; should a slot stay unserved
  because of that, the group is decoded again with them, and from then on all are;
- H.264's deblocking filter is skipped where the frame is downscaled to half or less.

Files with few frames for each slot, and groups too long to hold, are decoded continuously. Only
the downscaled frame leaves this module (R8).
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.errors import FootageUnreadable, FootageUntimed
from cluster.settings import Polygon
from cluster.streams.decode.container import OpenVideo, open_video, untimed_error
from cluster.streams.decode.preprocess import Preprocessor
from cluster.vision.people import BgrImage

MAX_GROUP_PACKETS = 900
"""A longer group (of streams without regular key frames) is decoded in parts."""

MIN_FRAMES_PER_SLOT = 4
"""Decoding is skipped only where a file has this many frames for each slot."""

MIN_FRAMES_PER_SLOT_TO_SKIP = 8
"""Likewise, for frames that no other refers to: the remaining ones are spaced more widely."""

MAX_BACKWARD_JUMP_SECONDS = 1.0
MIN_GAP_SECONDS = 2.0
MAX_DAMAGED_SHARE = 0.5
EPSILON = 1e-4


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A downscaled frame and its time.

    Attributes:
        time_seconds: Since the file's first frame, by its own timestamp.
        pixels: (height, width, 3) uint8, BGR, upright, masks blackened.
    """

    time_seconds: float
    pixels: BgrImage


@dataclass(slots=True)
class SamplingReport:
    """Statistics and problems of reading a file.

    Attributes:
        decoded: Frames that the decoder returned.
        last_seconds: Time of the last frame of the file that was reached.
        gaps: Intervals (from, to) in seconds in which the file has no frames.
        damaged: Frames or packets that the decoder could not use.
    """

    decoded: int = 0
    last_seconds: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    damaged: int = 0


@dataclass(slots=True)
class _Group:
    """A group of pictures: packets from a key frame on, in decoding order.

    Attributes:
        packets: Its packets with data and timestamps.
        times: Times of their frames, in file time.
        has_key: Whether it begins with a key frame (else it continues a group that was too long).
        is_complete: Whether the next key frame, or the end of the file, follows.
        next_key: Time of that key frame.
    """

    packets: list["av.Packet[VideoStream]"]
    times: list[float]
    has_key: bool
    is_complete: bool = False
    next_key: float | None = None

    @property
    def is_whole(self) -> bool:
        return self.has_key and self.is_complete


class FrameSampler:
    """Reads one file's frames at the analysis rate.

    Args:
        address: A path or an fsspec URL.
        rate: Frames a second.
        long_side: Longer side of the downscaled frame, in pixels; smaller frames keep their size.
        masks: Polygons to blacken, corners (x, y) from 0 to 1 of the upright picture.
        offset_seconds: File time of slot zero, to align the grid with the clock.
        cheap: Whether to skip decoding; benchmarks compare this with decoding everything.
    """

    def __init__(
        self,
        address: str,
        *,
        rate: float = 2.0,
        long_side: int = 640,
        masks: Sequence[Polygon] = (),
        offset_seconds: float = 0.0,
        cheap: bool = True,
    ) -> None:
        self.address = address
        self.report = SamplingReport()
        self._period = 1.0 / rate
        self._offset = offset_seconds
        self._preprocessor = Preprocessor(long_side, masks)
        self._cheap = cheap
        self._skips_unreferenced = cheap

    def frames(self, start: float = 0.0, end: float = math.inf) -> Iterator[SampledFrame]:
        """Yield the frames of the slots in [start, end) seconds of file time, in order.

        Raises:
            FootageUnreadable: The file cannot be opened or decoded.
            FootageUntimed: Timestamps are missing or jump back.
        """
        with open_video(self.address) as video:
            self._configure_decoder(video.stream)
            self._seek(video, start)
            next_slot = math.ceil((start - self._offset) / self._period - EPSILON)
            end_slot = math.inf
            if end < math.inf:
                end_slot = math.ceil((end - self._offset) / self._period - EPSILON)
            groups = self._groups(video)
            first = next(groups, None)
            if first is not None:
                sample = self._sample_groups if self._is_dense(first) else self._sample_continuously
                yield from sample(video, chain([first], groups), next_slot, end_slot)
        if self.report.damaged and self.report.damaged > MAX_DAMAGED_SHARE * self.report.decoded:
            raise FootageUnreadable(
                f"{self.report.damaged} of its frames are damaged.", where=self.address
            )

    def _slot(self, time: float) -> int:
        return math.floor((time - self._offset) / self._period + EPSILON)

    def _configure_decoder(self, stream: VideoStream) -> None:
        stream.thread_type = "NONE"
        context = stream.codec_context
        if (
            self._cheap
            and context.name == "h264"
            and self._preprocessor.halves_size(stream.width, stream.height)
        ):
            context.options = {"skip_loop_filter": "all"}

    def _is_dense(self, group: _Group) -> bool:
        """Whether there are enough frames for each slot to skip some."""
        return self._cheap and self._frames_per_slot(group) >= MIN_FRAMES_PER_SLOT

    def _frames_per_slot(self, group: _Group) -> float:
        if len(group.times) < 2:
            return math.inf  # only key frames: each can be skipped
        interval = statistics.median(b - a for a, b in pairwise(sorted(group.times)))
        return self._period / interval if interval > 0 else math.inf

    def _seek(self, video: OpenVideo, start: float) -> None:
        base = video.stream.time_base
        if start <= 0 or base is None:
            return
        try:
            target = int((start + video.start_seconds) / base)
            video.container.seek(target, stream=video.stream, backward=True)
        except av.FFmpegError:
            return  # not seekable: packets before the start are read and dropped

    def _groups(self, video: OpenVideo) -> Iterator[_Group]:
        """Split the packets at key frames; detect gaps and jumps of their timestamps."""
        group = _Group([], [], has_key=False)
        previous_key = -math.inf
        latest: float | None = None
        for packet in _demux_packets(video):
            if packet.pts is None:
                raise untimed_error(self.address)
            time = video.to_seconds(packet.pts, packet.time_base)
            if packet.is_keyframe and group.packets:
                group.is_complete, group.next_key = True, time
                latest = self._record_times(group, latest)
                yield group
                group = _Group([], [], has_key=True)
            elif len(group.packets) >= MAX_GROUP_PACKETS:
                latest = self._record_times(group, latest)
                yield group
                group = _Group([], [], has_key=False)
            if packet.is_keyframe:
                group.has_key = True
                if time < previous_key - MAX_BACKWARD_JUMP_SECONDS:
                    raise FootageUntimed(
                        f"its timestamps jump back from {previous_key:.1f} s to {time:.1f} s.",
                        where=self.address,
                        hint="Split the file there, and give each part its own start.",
                    )
                previous_key = time
            group.packets.append(packet)
            group.times.append(time)
        if group.packets:
            group.is_complete = True
            self._record_times(group, latest)
            yield group

    def _record_times(self, group: _Group, latest: float | None) -> float:
        """Report how far the file was read, and gaps; return the latest time."""
        last = latest
        for time in sorted(group.times):  # packets come in decoding order
            if last is not None and time - last > max(MIN_GAP_SECONDS, 2 * self._period):
                self.report.gaps.append((last, time))
            last = time if last is None else max(last, time)
        self.report.last_seconds = max(self.report.last_seconds, last or 0.0)
        return last or 0.0

    def _sample_groups(
        self, video: OpenVideo, groups: Iterable[_Group], next_slot: int, end_slot: float
    ) -> Iterator[SampledFrame]:
        """Decode only what the slots of each group need."""
        for group in groups:
            if self._slot(min(group.times)) >= end_slot:
                return
            if group.has_key:
                video.stream.codec_context.flush_buffers()
            wanted = self._wanted_frames(group, next_slot, end_slot)
            if not wanted and group.is_complete:
                continue
            found = self._decode_slots(video, group, wanted)
            for slot in sorted(found):
                yield found[slot]
            next_slot = max([next_slot, *(slot + 1 for slot in wanted)])

    def _sample_continuously(
        self, video: OpenVideo, groups: Iterable[_Group], next_slot: int, end_slot: float
    ) -> Iterator[SampledFrame]:
        """Decode everything, and yield the frames that serve a slot."""
        video.stream.codec_context.skip_frame = "DEFAULT"
        awaited: dict[int, float] = {}
        drain = _Group([], [], has_key=False)
        for group in chain(groups, [drain]):
            if group.times and self._slot(min(group.times)) > end_slot:
                return
            for slot, time in self._wanted_frames(group, next_slot, end_slot, leading=True).items():
                awaited.setdefault(slot, time)
            for frame in self._decode(video, group.packets, drain=group is drain):
                time = self._time(video, frame)
                slot = self._slot(time)
                if slot >= next_slot and time >= awaited.get(slot, math.inf) - EPSILON:
                    next_slot = slot + 1
                    yield self._sample(video, frame)

    def _wanted_frames(
        self, group: _Group, next_slot: int, end_slot: float, *, leading: bool = False
    ) -> dict[int, float]:
        """Return the slots that a group serves, each with the time of its frame.

        Frames that are displayed before the key frame that they follow in the file (`leading`)
        need the previous group.
        """
        wanted: dict[int, float] = {}
        key = group.times[0] if group.has_key else -math.inf
        for time in sorted(time for time in group.times if leading or time >= key):
            slot = self._slot(time)
            if next_slot <= slot < end_slot:
                wanted.setdefault(slot, time)
        key_slot = self._slot(key) if group.has_key else None
        if key_slot in wanted:
            wanted[key_slot] = key
        if group.next_key is not None and self._slot(group.next_key) != key_slot:
            wanted.pop(self._slot(group.next_key), None)  # that key frame serves it
        return wanted

    def _decode_slots(
        self, video: OpenVideo, group: _Group, wanted: dict[int, float]
    ) -> dict[int, SampledFrame]:
        """Return the frames of a group's slots; skip unreferenced frames where possible."""
        context = video.stream.codec_context
        skips = (
            self._skips_unreferenced
            and group.is_whole
            and context.name in {"h264", "hevc"}
            and self._frames_per_slot(group) >= MIN_FRAMES_PER_SLOT_TO_SKIP
        )
        context.skip_frame = "NONREF" if skips else "DEFAULT"
        found = self._decode_group(video, group, wanted)
        if skips and len(found) < len(wanted):
            self._skips_unreferenced = False
            context.flush_buffers()
            context.skip_frame = "DEFAULT"
            found = self._decode_group(video, group, wanted)
        return found

    def _decode_group(
        self, video: OpenVideo, group: _Group, wanted: dict[int, float]
    ) -> dict[int, SampledFrame]:
        """Decode a group up to its last wanted frame; to its end if it continues after."""
        found: dict[int, SampledFrame] = {}
        packets = group.packets
        if group.is_whole and max(wanted.values()) <= group.times[0] + EPSILON:
            packets = packets[:1]
        for frame in self._decode(video, packets, drain=group.is_complete):
            slot = self._slot(self._time(video, frame))
            if slot in wanted and slot not in found:
                found[slot] = self._sample(video, frame)
            if group.is_complete and len(found) == len(wanted):
                break
        return found

    def _decode(
        self, video: OpenVideo, packets: Sequence["av.Packet[VideoStream]"], *, drain: bool
    ) -> Iterator[VideoFrame]:
        """Decode packets; with `drain`, also yield the frames that the decoder holds back."""
        for packet in [*packets, None] if drain else packets:
            try:
                frames = video.stream.codec_context.decode(packet)
            except av.FFmpegError:
                self.report.damaged += 1
                continue
            self.report.decoded += len(frames)
            for frame in frames:
                if frame.is_corrupt or frame.pts is None:
                    self.report.damaged += 1
                else:
                    yield frame

    def _time(self, video: OpenVideo, frame: VideoFrame) -> float:
        return video.to_seconds(frame.pts or 0, frame.time_base)

    def _sample(self, video: OpenVideo, frame: VideoFrame) -> SampledFrame:
        time = max(0.0, self._time(video, frame))
        return SampledFrame(time, self._preprocessor(frame, video.stream))


def _demux_packets(video: OpenVideo) -> Iterator["av.Packet[VideoStream]"]:
    """Yield the packets with data; a read error ends the stream like the end of the file."""
    try:
        for packet in video.container.demux(video.stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return
