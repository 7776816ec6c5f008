"""Pictures of a video at the analysis rate, with the cheapest decoding that gives them.

    packets -> groups of pictures (key frame to key frame) -> the few to decode -> shrunk frames

The analysis rate lays a grid of moments over the file. A moment is served by one frame inside
its period: by a key frame if there is one there, else by the earliest frame. From the packets'
timestamps it is known before decoding where in each group those frames lie, so

- a group that serves no moment is not decoded at all;
- one that only its key frame serves costs one frame;
- in any other, decoding stops behind the last frame that is wanted;
- frames that no other refers to (H.264 and HEVC B-frames) are skipped where enough remain;
- H.264's deblocking filter is left out where the frame is shrunk to half or less.

Only the shrunken frame leaves this module (design, rule 8).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from cluster.errors import FootageUnreadable, FootageUntimed
from cluster.streams.video import open_video, start_seconds, upright_size
from cluster.vision.people import Pixels

Polygon = Sequence[tuple[float, float]]

MOST_PACKETS_IN_A_GROUP = 900
"""A longer group (streams without regular key frames) is decoded piece by piece."""

DENSE_ENOUGH = 8
"""B-frames are skipped only if the file has this many frames for each that is wanted."""

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
    pixels: Pixels


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
    """Packets from a key frame on; `ends` says that the next key frame follows."""

    packets: list["av.Packet[VideoStream]"]
    times: list[float]
    opens: bool
    ends: bool


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
        self._shrinker = _Shrinker(long_side, masks)
        self._cheap = cheap

    def frames(self, start: float = 0.0, end: float = math.inf) -> Iterator[SampledFrame]:
        """The frames of the moments in [start, end) seconds of file time, in order.

        Raises:
            FootageUnreadable: The file cannot be opened or decoded.
            FootageUntimed: Timestamps are missing or jump back.
        """
        with open_video(self.address) as (container, stream):
            self._set_up(stream)
            self._seek(container, stream, start)
            next_moment = math.ceil((start - self._offset) / self._period - EPSILON)
            for group in self._groups(container, stream):
                if group.times and group.times[0] >= end:
                    break
                wanted = self._wanted(group, next_moment, end)
                if not wanted:
                    continue
                for frame in self._decode(stream, group, wanted):
                    time = self._time(stream, frame)
                    moment = math.floor((time - self._offset) / self._period + EPSILON)
                    if moment < next_moment or time >= end:
                        continue
                    next_moment = moment + 1
                    yield SampledFrame(max(0.0, time), self._shrinker(frame, stream))
        if self.report.damaged and self.report.damaged > CORRUPT_SHARE_LIMIT * self.report.decoded:
            raise FootageUnreadable(
                f"{self.report.damaged} of its frames are damaged.", where=self.address
            )

    def _set_up(self, stream: VideoStream) -> None:
        stream.thread_type = "NONE"
        if not self._cheap:
            return
        context = stream.codec_context
        rate = float(stream.average_rate or 0)
        if context.name in {"h264", "hevc"} and rate * self._period >= DENSE_ENOUGH:
            context.skip_frame = "NONREF"
        if context.name == "h264" and self._shrinker.halves(stream.width, stream.height):
            context.options = {"skip_loop_filter": "all"}

    def _seek(self, container: InputContainer, stream: VideoStream, start: float) -> None:
        base = stream.time_base
        if start <= 0 or base is None:
            return
        try:
            target = int((start + start_seconds(stream)) / base)
            container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:
            return  # not seekable: packets before the start are read and dropped

    def _groups(self, container: InputContainer, stream: VideoStream) -> Iterator[_Group]:
        """Cut the packets at key frames; notice gaps and jumps of their timestamps."""
        group = _Group([], [], opens=False, ends=False)
        group_start = -math.inf
        for packet in _packets(container, stream):
            if packet.pts is None:
                raise FootageUntimed(
                    "some of its pictures carry no timestamps.",
                    where=self.address,
                    hint="Put it in a container: ffmpeg -r RATE -i FILE -c copy FILE.mp4",
                )
            time = float(packet.pts * packet.time_base) - start_seconds(stream)
            if packet.is_keyframe and group.packets:
                yield _Group(group.packets, group.times, group.opens, ends=True)
                group = _Group([], [], opens=True, ends=False)
            elif len(group.packets) >= MOST_PACKETS_IN_A_GROUP:
                yield group
                group = _Group([], [], opens=False, ends=False)
            if packet.is_keyframe:
                group.opens = True
                if time < group_start - JUMP_BACK_SECONDS:
                    raise FootageUntimed(
                        f"its timestamps jump back from {group_start:.1f} s to {time:.1f} s.",
                        where=self.address,
                        hint="Cut the file there, and give each piece its own start.",
                    )
                group_start = time
            self._note(time)
            group.packets.append(packet)
            group.times.append(time)
        if group.packets:
            yield _Group(group.packets, group.times, group.opens, ends=True)

    def _note(self, time: float) -> None:
        last = self.report.last_seconds
        if last and time - last > max(GAP_SECONDS, 2 * self._period):
            self.report.gaps.append((last, time))
        self.report.last_seconds = max(last, time)

    def _wanted(self, group: _Group, next_moment: int, end: float) -> dict[int, float]:
        """The moments that a group serves, each with the time of its frame."""
        wanted: dict[int, float] = {}
        key_time = group.times[0] if group.opens else None
        for time in sorted(group.times):
            moment = math.floor((time - self._offset) / self._period + EPSILON)
            if moment >= next_moment and time < end:
                wanted.setdefault(moment, time)
        if key_time is not None:
            key_moment = math.floor((key_time - self._offset) / self._period + EPSILON)
            if key_moment in wanted:
                wanted[key_moment] = key_time
        return wanted

    def _decode(
        self, stream: VideoStream, group: _Group, wanted: dict[int, float]
    ) -> Iterator[VideoFrame]:
        """Decode a group as far as its last wanted frame."""
        context = stream.codec_context
        last_wanted = max(wanted.values())
        reached = False
        packets = group.packets
        if self._cheap and group.opens and last_wanted <= group.times[0] + EPSILON:
            packets = packets[:1]
        for packet in packets:
            for frame in self._fed(stream, packet):
                reached = reached or self._time(stream, frame) >= last_wanted - EPSILON
                yield frame
            if reached and self._cheap:
                break
        if group.ends:
            if not reached:
                yield from self._fed(stream, None)
            context.flush_buffers()

    def _fed(
        self, stream: VideoStream, packet: "av.Packet[VideoStream] | None"
    ) -> list[VideoFrame]:
        try:
            frames = stream.codec_context.decode(packet)
        except av.FFmpegError:
            self.report.damaged += 1
            return []
        self.report.decoded += len(frames)
        return [frame for frame in frames if self._usable(frame)]

    def _usable(self, frame: VideoFrame) -> bool:
        if frame.is_corrupt or frame.pts is None:
            self.report.damaged += 1
            return False
        return True

    @staticmethod
    def _time(stream: VideoStream, frame: VideoFrame) -> float:
        base = frame.time_base or stream.time_base
        return float((frame.pts or 0) * (base or 0)) - start_seconds(stream)


class _Shrinker:
    """Shrinks inside swscale, turns upright, blackens masks."""

    def __init__(self, long_side: int, masks: Sequence[Polygon]) -> None:
        self._long_side = long_side
        self._masks = [np.asarray(mask, np.float64) for mask in masks]
        self._reformatter = VideoReformatter()

    def halves(self, width: int, height: int) -> bool:
        return max(width, height) >= 2 * self._long_side

    def __call__(self, frame: VideoFrame, stream: VideoStream) -> Pixels:
        turned = frame.rotation % 180 != 0
        width, height = self.target_size(*upright_size(stream, frame.rotation))
        small = self._reformatter.reformat(
            frame,
            width=height if turned else width,
            height=width if turned else height,
            format="bgr24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        pixels = np.asarray(small.to_ndarray(), np.uint8)
        if frame.rotation % 360:
            pixels = np.ascontiguousarray(np.rot90(pixels, k=frame.rotation // 90))
        for mask in self._masks:
            corners = np.rint(mask * (width, height)).astype(np.int32)
            cv2.fillPoly(pixels, [corners], (0, 0, 0))
        return pixels

    def target_size(self, width: int, height: int) -> tuple[int, int]:
        scale = min(1.0, self._long_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


def shrunken_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) that frames of an upright picture will have."""
    return _Shrinker(long_side, ()).target_size(width, height)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator["av.Packet[VideoStream]"]:
    """The packets with data; a read error ends the stream, as the end of the file does."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return
