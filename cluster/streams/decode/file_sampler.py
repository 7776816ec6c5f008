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

Files with few frames for each slot, and groups too long to hold, are decoded continuously. What
cannot be decoded is left out and reported: a damaged packet costs the slots that needed it. Only
the downscaled frame leaves this module (R8).
"""

import math
import statistics
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.errors import FootageUnreadable, FootageUntimed
from cluster.settings import Polygon
from cluster.streams.decode.container import MAX_PIXELS, OpenVideo, VideoPacket, open_video
from cluster.streams.decode.packet_groups import GroupReader, PacketGroup
from cluster.streams.decode.preprocess import Preprocessor
from cluster.streams.decode.sampling_report import SamplingReport
from cluster.streams.decode.seeking import seek_to_key_frame
from cluster.streams.decode.timestamps import MIN_LEAP_SECONDS
from cluster.vision.people import BgrImage

MIN_FRAMES_PER_SLOT = 4
"""Decoding is skipped only where a file has this many frames for each slot."""

MIN_FRAMES_PER_SLOT_TO_SKIP = 8
"""Likewise, for frames that no other refers to: the remaining ones are spaced more widely."""

EPSILON = 1e-4
END_TOLERANCE_SECONDS = 1.0
"""A jump of the timestamps this close to the end of what is read, or later, concerns others."""


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A downscaled frame and its time.

    Attributes:
        time_seconds: Since the file's first frame, by its own timestamp.
        pixels: (height, width, 3) uint8, BGR, upright, masks blackened.
    """

    time_seconds: float
    pixels: BgrImage


class FrameSampler:
    """Reads one file's frames at the analysis rate.

    Args:
        address: A path or an fsspec URL.
        rate: Frames a second.
        long_side: Longer side of the downscaled frame, in pixels; smaller frames keep their size.
        masks: Polygons to blacken, corners (x, y) from 0 to 1 of the upright picture.
        offset_seconds: File time of slot zero, to align the grid with the clock.
        cheap: Whether to skip decoding; benchmarks compare this with decoding everything.
        is_seekable: Whether the file's frames can be found by their time; without, it is read from
            its start.
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
        is_seekable: bool = True,
    ) -> None:
        self.address = address
        self.report = SamplingReport()
        self._period = 1.0 / rate
        self._offset = offset_seconds
        self._preprocessor = Preprocessor(long_side, masks)
        self._cheap = cheap
        self.is_seekable = is_seekable
        self._jump: FootageUntimed | None = None
        self._skips_unreferenced = cheap

    def frames(self, start: float = 0.0, end: float = math.inf) -> Iterator[SampledFrame]:
        """Yield the frames of the slots in [start, end) seconds of file time, in order.

        Raises:
            FootageUnreadable: The file cannot be opened, or nothing of the whole file decoded.
            FootageUntimed: Timestamps are missing, or jump before the end of the interval; the
                frames before the jump come first.
        """
        has_frames = False
        with open_video(self.address) as video:
            self._configure_decoder(video.stream)
            has_sought = self._seek(video, start)
            reader = GroupReader(
                video,
                self.report,
                min_gap_seconds=2 * self._period,
                from_start=not has_sought,
            )
            next_slot = math.ceil((start - self._offset) / self._period - EPSILON)
            end_slot = math.inf
            if end < math.inf:
                end_slot = math.ceil((end - self._offset) / self._period - EPSILON)
            groups = self._until_jump(reader)
            first = next(groups, None)
            if first is not None:
                sample = self._sample_groups if self._is_dense(first) else self._sample_continuously
                for frame in sample(video, reader, chain([first], groups), next_slot, end_slot):
                    if not has_frames and start <= 0:
                        self._record_late_start(frame)
                    has_frames = True
                    yield frame
        tolerance = max(END_TOLERANCE_SECONDS, 2 * self._period)
        if self._jump is not None and (first is None or self.report.last_seconds < end - tolerance):
            raise self._jump
        if self.report.damaged and not has_frames and start <= 0 and end == math.inf:
            raise FootageUnreadable("none of its frames can be decoded.", where=self.address)

    def _until_jump(self, reader: GroupReader) -> Iterator[PacketGroup]:
        """Yield groups until the timestamps jump: what the decoder holds back is still wanted."""
        try:
            yield from reader.groups()
        except FootageUntimed as error:
            self._jump = error

    def _record_late_start(self, frame: SampledFrame) -> None:
        """Report a gap if the file begins with frames that refer to others before it."""
        late = max(MIN_LEAP_SECONDS, 2 * self._period)
        if not self.report.damaged and frame.time_seconds > late:
            self.report.gaps.append((0.0, frame.time_seconds))

    def _slot(self, time: float) -> int:
        return math.floor((time - self._offset) / self._period + EPSILON)

    def _configure_decoder(self, stream: VideoStream) -> None:
        stream.thread_type = "NONE"
        context = stream.codec_context
        options = {"max_pixels": str(MAX_PIXELS)}
        if (
            self._cheap
            and context.name == "h264"
            and self._preprocessor.halves_size(stream.width, stream.height)
        ):
            options["skip_loop_filter"] = "all"
        context.options = options

    def _is_dense(self, group: PacketGroup) -> bool:
        """Whether there are enough frames for each slot to skip some."""
        return self._cheap and self._frames_per_slot(group) >= MIN_FRAMES_PER_SLOT

    def _frames_per_slot(self, group: PacketGroup) -> float:
        if len(group.times) < 2:
            return math.inf  # only key frames: each can be skipped
        interval = statistics.median(b - a for a, b in pairwise(sorted(group.times)))
        return self._period / interval if interval > 0 else math.inf

    def _seek(self, video: OpenVideo, start: float) -> bool:
        """Seek to a time; returns False where the file is read from its start instead."""
        if start <= 0 or not self.is_seekable:
            return False
        try:
            return seek_to_key_frame(video, start)
        except av.FFmpegError:
            return False  # packets before the start are read and dropped

    def _sample_groups(
        self,
        video: OpenVideo,
        reader: GroupReader,
        groups: Iterable[PacketGroup],
        next_slot: int,
        end_slot: float,
    ) -> Iterator[SampledFrame]:
        """Decode only what the slots of each group need."""
        for group in groups:
            if group.times and self._slot(min(group.times)) >= end_slot:
                return
            if group.has_key:
                video.stream.codec_context.flush_buffers()
            wanted = self._wanted_frames(group, next_slot, end_slot)
            if not wanted and group.is_complete:
                continue
            damaged = self.report.damaged
            found = self._decode_slots(video, reader, group, wanted)
            if self.report.damaged > damaged:
                self._record_lost(wanted.keys() - found.keys())
            for slot in sorted(found):
                yield found[slot]
            next_slot = max([next_slot, *(slot + 1 for slot in wanted)])

    def _sample_continuously(
        self,
        video: OpenVideo,
        reader: GroupReader,
        groups: Iterable[PacketGroup],
        next_slot: int,
        end_slot: float,
    ) -> Iterator[SampledFrame]:
        """Decode everything, and yield the frames that serve a slot."""
        video.stream.codec_context.skip_frame = "DEFAULT"
        awaited: dict[int, float] = {}
        damaged = self.report.damaged
        drain = PacketGroup()
        for group in chain(groups, [drain]):
            if group.times and self._slot(min(group.times)) > end_slot:
                break
            for slot, time in self._wanted_frames(group, next_slot, end_slot, leading=True).items():
                awaited.setdefault(slot, time)
            for time, frame in self._decode(video, reader, group.packets, drain=group is drain):
                slot = self._slot(time)
                if slot >= next_slot and time >= awaited.get(slot, math.inf) - EPSILON:
                    next_slot = slot + 1
                    passed = [one for one in awaited if one < slot]
                    if self.report.damaged > damaged:
                        self._record_lost(passed)
                    damaged = self.report.damaged
                    for one in (*passed, slot):
                        del awaited[one]
                    yield self._sample(video, time, frame)
        if self.report.damaged > damaged:
            self._record_lost(awaited)

    def _record_lost(self, slots: Collection[int]) -> None:
        """Report the stretches of slots that stayed without a frame because of damage."""
        lost = self.report.lost
        for slot in sorted(slots):
            begins = max(0.0, slot * self._period + self._offset)
            ends = (slot + 1) * self._period + self._offset
            if lost and begins - lost[-1][1] < EPSILON:
                lost[-1] = (lost[-1][0], ends)
            else:
                lost.append((begins, ends))

    def _wanted_frames(
        self, group: PacketGroup, next_slot: int, end_slot: float, *, leading: bool = False
    ) -> dict[int, float]:
        """Return the slots that a group serves, each with the time of its frame.

        Frames that are displayed before the key frame that they follow in the file (`leading`)
        need the previous group.
        """
        wanted: dict[int, float] = {}
        key = -math.inf if group.key_time is None else group.key_time
        for time in sorted(time for time in group.times if leading or time >= key):
            slot = self._slot(time)
            if next_slot <= slot < end_slot:
                wanted.setdefault(slot, time)
        key_slot = None if group.key_time is None else self._slot(key)
        if key_slot in wanted:
            wanted[key_slot] = key
        if group.next_key is not None and self._slot(group.next_key) != key_slot:
            wanted.pop(self._slot(group.next_key), None)  # that key frame serves it
        return wanted

    def _decode_slots(
        self, video: OpenVideo, reader: GroupReader, group: PacketGroup, wanted: dict[int, float]
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
        found = self._decode_group(video, reader, group, wanted)
        if skips and len(found) < len(wanted):
            self._skips_unreferenced = False
            context.flush_buffers()
            context.skip_frame = "DEFAULT"
            found = self._decode_group(video, reader, group, wanted)
        return found

    def _decode_group(
        self, video: OpenVideo, reader: GroupReader, group: PacketGroup, wanted: dict[int, float]
    ) -> dict[int, SampledFrame]:
        """Decode a group up to its last wanted frame; to its end if it continues after."""
        found: dict[int, SampledFrame] = {}
        packets = group.packets
        key = group.key_time
        if group.is_whole and key is not None and max(wanted.values()) <= key + EPSILON:
            packets = packets[:1]
        for time, frame in self._decode(video, reader, packets, drain=group.is_complete):
            slot = self._slot(time)
            if slot in wanted and slot not in found:
                found[slot] = self._sample(video, time, frame)
            if group.is_complete and len(found) == len(wanted):
                break
        return found

    def _decode(
        self,
        video: OpenVideo,
        reader: GroupReader,
        packets: Sequence[VideoPacket],
        *,
        drain: bool,
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Decode packets; with `drain`, also yield the frames that the decoder holds back."""
        for packet in [*packets, None] if drain else packets:
            try:
                frames = video.stream.codec_context.decode(packet)
            except av.FFmpegError:
                self.report.damaged += 1
                continue
            self.report.decoded += len(frames)
            for frame in frames:
                time = reader.frame_seconds(frame)
                if frame.is_corrupt or frame.pts is None:
                    self.report.damaged += 1
                elif time is not None:
                    yield time, frame

    def _sample(self, video: OpenVideo, time: float, frame: VideoFrame) -> SampledFrame:
        return SampledFrame(max(0.0, time), self._preprocessor(frame, video.stream))
