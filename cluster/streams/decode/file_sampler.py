"""Pictures of a video at the analysis rate, with the cheapest decoding that gives them.

    packets -> groups of pictures (key frame to key frame) -> the few to decode -> shrunk frames

The analysis rate lays a grid of moments over the file. A moment is served by one frame inside
its period: by a key frame if there is one there, else by the earliest frame. From the packets'
timestamps it is known before decoding where in each group those frames lie, so

- a group that serves no moment is not decoded at all;
- one that only its key frame serves costs one frame;
- in any other, decoding stops behind the last frame that is wanted;
- frames that no other refers to (H.264 and HEVC B-frames) are skipped; should a moment stay
  unserved for it, the group is decoded again with them, and from then on all are;
- H.264's deblocking filter is left out where the frame is shrunk to half or less.

Files with few frames for each moment, and groups too long to hold, are decoded without a break.
Only the shrunken frame leaves this module (design, rule 8).
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
from cluster.streams.decode.container import OpenVideo, open_video, untimed
from cluster.streams.decode.preprocess import Polygon, Preprocessor, shrunken_size
from cluster.vision.people import BgrImage

__all__ = ["FrameSampler", "SampledFrame", "SamplingReport", "shrunken_size"]

MOST_PACKETS_IN_A_GROUP = 900
"""A longer group (streams without regular key frames) is decoded piece by piece."""

DENSE_ENOUGH = 4
"""Short cuts are taken only where a file has this many frames for each moment."""

DENSE_ENOUGH_TO_SKIP = 8
"""Likewise, for frames that no other refers to: what remains is spaced more widely."""

JUMP_BACK_SECONDS = 1.0
GAP_SECONDS = 2.0
CORRUPT_SHARE_LIMIT = 0.5
EPSILON = 1e-4


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A shrunken frame and its time.

    Attributes:
        time_seconds: From the file's first picture, by its own timestamp.
        pixels: (height, width, 3) uint8, BGR, upright, masks blackened.
    """

    time_seconds: float
    pixels: BgrImage


@dataclass(slots=True)
class SamplingReport:
    """What was met on the way.

    Attributes:
        decoded: Frames that went through the decoder.
        last_seconds: Time of the last picture in the file that was reached.
        gaps: Stretches (from, to) in seconds without pictures, where the file has none.
        damaged: Frames or packets that the decoder could not use.
    """

    decoded: int = 0
    last_seconds: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    damaged: int = 0


@dataclass(slots=True)
class _Group:
    """Packets from a key frame on, in the order of decoding.

    Attributes:
        packets: With data and timestamps.
        times: Of their pictures, in file time.
        opens: It begins with its key frame (else it goes on a group that was too long).
        ends: The next key frame, or the end of the file, follows.
        next_key: Time of that key frame.
    """

    packets: list["av.Packet[VideoStream]"]
    times: list[float]
    opens: bool
    ends: bool = False
    next_key: float | None = None

    @property
    def is_whole(self) -> bool:
        return self.opens and self.ends


class FrameSampler:
    """Reads one file's frames at the analysis rate.

    Args:
        address: A path or an fsspec address.
        rate: Frames wanted a second.
        long_side: Pixels of the shrunken frame's longer side; a smaller picture stays as it is.
        masks: Polygons to blacken, corners (x, y) from 0 to 1 of the upright picture.
        offset_seconds: File time of grid moment zero, to lay the grid on the clock.
        cheap: Switch off to decode everything with every filter (benchmarks compare the two).
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
        self._shrinker = Preprocessor(long_side, masks)
        self._cheap = cheap
        self._skips_unreferenced = cheap

    def frames(self, start: float = 0.0, end: float = math.inf) -> Iterator[SampledFrame]:
        """The frames of the moments in [start, end) seconds of file time, in order.

        Raises:
            FootageUnreadable: The file cannot be opened or decoded.
            FootageUntimed: Timestamps are missing or jump back.
        """
        with open_video(self.address) as video:
            self._set_up(video.stream)
            self._seek(video, start)
            next_moment = math.ceil((start - self._offset) / self._period - EPSILON)
            end_moment = math.inf
            if end < math.inf:
                end_moment = math.ceil((end - self._offset) / self._period - EPSILON)
            groups = self._groups(video)
            first = next(groups, None)
            if first is not None:
                take = self._by_groups if self._is_dense(first) else self._without_a_break
                yield from take(video, chain([first], groups), next_moment, end_moment)
        if self.report.damaged and self.report.damaged > CORRUPT_SHARE_LIMIT * self.report.decoded:
            raise FootageUnreadable(
                f"{self.report.damaged} of its frames are damaged.", where=self.address
            )

    def _moment(self, time: float) -> int:
        return math.floor((time - self._offset) / self._period + EPSILON)

    def _set_up(self, stream: VideoStream) -> None:
        stream.thread_type = "NONE"
        context = stream.codec_context
        if (
            self._cheap
            and context.name == "h264"
            and self._shrinker.halves(stream.width, stream.height)
        ):
            context.options = {"skip_loop_filter": "all"}

    def _is_dense(self, group: _Group) -> bool:
        """Whether there are frames enough to leave some out."""
        return self._cheap and self._frames_a_moment(group) >= DENSE_ENOUGH

    def _frames_a_moment(self, group: _Group) -> float:
        if len(group.times) < 2:
            return math.inf  # nothing but key frames: each can be left out
        between = statistics.median(b - a for a, b in pairwise(sorted(group.times)))
        return self._period / between if between > 0 else math.inf

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
        """Cut the packets at key frames; notice gaps and jumps of their timestamps."""
        group = _Group([], [], opens=False)
        key_before = -math.inf
        seen: float | None = None
        for packet in _packets(video):
            if packet.pts is None:
                raise untimed(self.address)
            time = video.seconds(packet.pts, packet.time_base)
            if packet.is_keyframe and group.packets:
                group.ends, group.next_key = True, time
                seen = self._note(group, seen)
                yield group
                group = _Group([], [], opens=True)
            elif len(group.packets) >= MOST_PACKETS_IN_A_GROUP:
                seen = self._note(group, seen)
                yield group
                group = _Group([], [], opens=False)
            if packet.is_keyframe:
                group.opens = True
                if time < key_before - JUMP_BACK_SECONDS:
                    raise FootageUntimed(
                        f"its timestamps jump back from {key_before:.1f} s to {time:.1f} s.",
                        where=self.address,
                        hint="Cut the file there, and give each piece its own start.",
                    )
                key_before = time
            group.packets.append(packet)
            group.times.append(time)
        if group.packets:
            group.ends = True
            self._note(group, seen)
            yield group

    def _note(self, group: _Group, seen: float | None) -> float:
        """Report how far the file was seen, and stretches without pictures."""
        last = seen
        for time in sorted(group.times):  # packets come in the order of decoding
            if last is not None and time - last > max(GAP_SECONDS, 2 * self._period):
                self.report.gaps.append((last, time))
            last = time if last is None else max(last, time)
        self.report.last_seconds = max(self.report.last_seconds, last or 0.0)
        return last or 0.0

    def _by_groups(
        self, video: OpenVideo, groups: Iterable[_Group], next_moment: int, end_moment: float
    ) -> Iterator[SampledFrame]:
        """Decode of each group only what its moments need."""
        for group in groups:
            if self._moment(min(group.times)) >= end_moment:
                return
            if group.opens:
                video.stream.codec_context.flush_buffers()
            wanted = self._wanted(group, next_moment, end_moment)
            if not wanted and group.ends:
                continue
            found = self._decode(video, group, wanted)
            for moment in sorted(found):
                yield found[moment]
            next_moment = max([next_moment, *(moment + 1 for moment in wanted)])

    def _without_a_break(
        self, video: OpenVideo, groups: Iterable[_Group], next_moment: int, end_moment: float
    ) -> Iterator[SampledFrame]:
        """Decode everything, and keep the frames that serve a moment."""
        video.stream.codec_context.skip_frame = "DEFAULT"
        awaited: dict[int, float] = {}
        rest = _Group([], [], opens=False)
        for group in chain(groups, [rest]):
            if group.times and self._moment(min(group.times)) > end_moment:
                return
            for moment, time in self._wanted(group, next_moment, end_moment, leading=True).items():
                awaited.setdefault(moment, time)
            for frame in self._fed(video, group.packets, drain=group is rest):
                time = self._time(video, frame)
                moment = self._moment(time)
                if moment >= next_moment and time >= awaited.get(moment, math.inf) - EPSILON:
                    next_moment = moment + 1
                    yield self._sampled(video, frame)

    def _wanted(
        self, group: _Group, next_moment: int, end_moment: float, *, leading: bool = False
    ) -> dict[int, float]:
        """The moments that a group serves, each with the time of its frame.

        Pictures shown before the key frame that they follow in the file (`leading`) need the
        group before.
        """
        wanted: dict[int, float] = {}
        key = group.times[0] if group.opens else -math.inf
        for time in sorted(time for time in group.times if leading or time >= key):
            moment = self._moment(time)
            if next_moment <= moment < end_moment:
                wanted.setdefault(moment, time)
        key_moment = self._moment(key) if group.opens else None
        if key_moment in wanted:
            wanted[key_moment] = key
        if group.next_key is not None and self._moment(group.next_key) != key_moment:
            wanted.pop(self._moment(group.next_key), None)  # that key frame serves it
        return wanted

    def _decode(
        self, video: OpenVideo, group: _Group, wanted: dict[int, float]
    ) -> dict[int, SampledFrame]:
        """The frames of a group's moments."""
        context = video.stream.codec_context
        skips = (
            self._skips_unreferenced
            and group.is_whole
            and context.name in {"h264", "hevc"}
            and self._frames_a_moment(group) >= DENSE_ENOUGH_TO_SKIP
        )
        context.skip_frame = "NONREF" if skips else "DEFAULT"
        found = self._found(video, group, wanted)
        if skips and len(found) < len(wanted):
            self._skips_unreferenced = False
            context.flush_buffers()
            context.skip_frame = "DEFAULT"
            found = self._found(video, group, wanted)
        return found

    def _found(
        self, video: OpenVideo, group: _Group, wanted: dict[int, float]
    ) -> dict[int, SampledFrame]:
        """Decode a group as far as its last wanted frame; to its end if it goes on after."""
        found: dict[int, SampledFrame] = {}
        packets = group.packets
        if group.is_whole and max(wanted.values()) <= group.times[0] + EPSILON:
            packets = packets[:1]
        for frame in self._fed(video, packets, drain=group.ends):
            moment = self._moment(self._time(video, frame))
            if moment in wanted and moment not in found:
                found[moment] = self._sampled(video, frame)
            if group.ends and len(found) == len(wanted):
                break
        return found

    def _fed(
        self, video: OpenVideo, packets: Sequence["av.Packet[VideoStream]"], *, drain: bool
    ) -> Iterator[VideoFrame]:
        """The usable frames that packets give; with `drain`, also those held back."""
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
        return video.seconds(frame.pts or 0, frame.time_base)

    def _sampled(self, video: OpenVideo, frame: VideoFrame) -> SampledFrame:
        time = max(0.0, self._time(video, frame))
        return SampledFrame(time, self._shrinker(frame, video.stream))


def _packets(video: OpenVideo) -> Iterator["av.Packet[VideoStream]"]:
    """The packets with data; a read error ends the stream, as the end of the file does."""
    try:
        for packet in video.container.demux(video.stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return
