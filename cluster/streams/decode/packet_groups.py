"""Splits the packets of a file into groups of pictures, and gives each frame its time.

    packets -> times that can be believed -> groups, key frame to key frame -> decoder

Every decoder of files reads its packets here, so that odd timestamps mean the same to all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from av.video.frame import VideoFrame

from cluster.errors import FootageUntimed
from cluster.streams.decode.container import OpenVideo, VideoPacket, untimed_error
from cluster.streams.decode.sampling_report import SamplingReport
from cluster.streams.decode.timestamps import (
    MIN_LEAP_SECONDS,
    WRAP_SECONDS,
    TimestampHistory,
    Unwrapper,
    find_outliers,
)

MAX_GROUP_PACKETS = 900
"""A longer group (of streams without regular key frames) is decoded in parts."""

MAX_DURATION_HOURS = 26
"""Timestamps that lead further than this from the first are of a broken clock."""


@dataclass(slots=True)
class PacketGroup:
    """A group of pictures: packets from a key frame on, in decoding order.

    Attributes:
        packets: Its packets with data.
        times: Times of their frames, in file time; without those that are left out.
        key_time: Time of the key frame that it begins with; None where it continues a group that
            was too long, and where that frame is left out.
        has_key: Whether it begins with a key frame.
        is_complete: Whether the next key frame, or the end of the file, follows.
        next_key: Time of that key frame.
    """

    packets: list[VideoPacket] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    key_time: float | None = None
    has_key: bool = False
    is_complete: bool = False
    next_key: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it can be decoded without the groups around it."""
        return self.has_key and self.is_complete


class GroupReader:
    """Reads an open file's groups of pictures.

    Args:
        video: The file, at its start or where the caller sought to.
        report: Gets the gaps, and the frames that are left out.
        min_gap_seconds: Shorter stretches without frames are not reported.
        from_start: Whether the file is read from its start.
    """

    def __init__(
        self,
        video: OpenVideo,
        report: SamplingReport,
        *,
        min_gap_seconds: float = MIN_LEAP_SECONDS,
        from_start: bool = True,
    ) -> None:
        self._video = video
        self._report = report
        self._min_gap = max(MIN_LEAP_SECONDS, min_gap_seconds)
        self._from_start = from_start
        self._unwrapper = Unwrapper(video.stream.time_base)
        self._history = TimestampHistory()
        self._left_out: set[int] = set()
        self._latest: float | None = None
        self._zero = 0.0
        self._restart: FootageUntimed | None = None

    @property
    def is_seekable(self) -> bool:
        """Whether what was read so far can be found by its time: no timestamp is out of order."""
        has_leaps = bool(self._zero or self._restart or self._report.left_out)
        return not has_leaps and not self._unwrapper.has_wrapped

    @property
    def usual_interval(self) -> float:
        """Seconds between the last frames; infinite where there are fewer than two."""
        return self._history.usual_interval

    def frame_seconds(self, frame: VideoFrame) -> float | None:
        """Return a decoded frame's file time; None for one that is left out."""
        if frame.pts is None or frame.pts in self._left_out:
            return None
        seconds = self._video.to_seconds(frame.pts, frame.time_base)
        if seconds < -WRAP_SECONDS / 2:
            seconds += WRAP_SECONDS
        return seconds - self._zero

    def groups(self) -> Iterator[PacketGroup]:
        """Yield the groups in the order of the file.

        Raises:
            FootageUntimed: Its frames have no timestamps, or these jump; groups before the jump
                come first.
        """
        group, times = PacketGroup(), list[float | None]()
        for packet in self._video.packets():
            time = self._packet_seconds(packet)
            is_full = len(group.packets) >= MAX_GROUP_PACKETS
            if group.packets and (packet.is_keyframe or is_full):
                group.is_complete = packet.is_keyframe
                yield from self._settled(group, times, time)
                group, times = PacketGroup(), []
            group.has_key = group.has_key or packet.is_keyframe
            group.packets.append(packet)
            times.append(None if time is None else time - self._zero)
        if group.packets:
            group.is_complete = True
            yield from self._settled(group, times, None)

    def _packet_seconds(self, packet: VideoPacket) -> float | None:
        """Return the file time that a packet states for its frame."""
        if packet.pts is None:
            return None
        seconds = self._video.to_seconds(packet.pts, packet.time_base)
        return self._unwrapper.unwrap(seconds)

    def _settled(
        self, group: PacketGroup, times: list[float | None], following: float | None
    ) -> Iterator[PacketGroup]:
        """Yield a group with the times that can be believed.

        Args:
            group: Its packets.
            times: Of each packet.
            following: Time of the packet after it, before `_zero` is subtracted.

        Raises:
            FootageUntimed: After the group, if the timestamps jump in it.
        """
        if self._latest is None and all(time is None for time in times):
            raise untimed_error(self._video.address)
        following = None if following is None else following - self._zero
        self._leave_out(group, times, following)
        if self._zero and self._latest is None and following is not None:
            following -= self._zero
        if group.is_complete:
            group.next_key = following
        self._end_at_jump(group, times, following)
        group.times = [time for time in times if time is not None]
        if self._left_out:
            self._believe(group, times)
        group.key_time = times[0] if group.has_key and times else None
        self._history.extend(group.times)
        self._record_times(group)
        if group.packets:
            yield group
        if self._restart is not None:
            raise self._restart

    def _leave_out(
        self, group: PacketGroup, times: list[float | None], following: float | None
    ) -> None:
        """Replace the times of single frames that leapt by None, and report them."""
        stated = [(place, time) for place, time in enumerate(times) if time is not None]
        leapt = find_outliers(
            [time for _, time in stated], self._history.recent, following, self._min_gap
        )
        if not self._from_start and self._latest is None and leapt[:1] == [0]:
            del leapt[0]  # what comes before it was not read
        for index in leapt:
            place, time = stated[index]
            times[place] = None
            pts = group.packets[place].pts
            if pts is not None:
                self._left_out.add(pts)
            before = [known for known in times[:place] if known is not None]
            self._report.left_out.append((max(before, default=self._latest or 0.0), time))
        if leapt and leapt[0] == 0 and self._latest is None and self._from_start:
            self._move_zero(times)

    def _move_zero(self, times: list[float | None]) -> None:
        """Let file time begin with the first frame that is not left out."""
        known = [time for time in times if time is not None]
        if known:
            self._zero = known[0]
            times[:] = [None if time is None else time - self._zero for time in times]

    def _believe(self, group: PacketGroup, times: list[float | None]) -> None:
        """Forget timestamps that an earlier frame had in error, and that a frame has now."""
        stated = zip(group.packets, times, strict=True)
        self._left_out -= {packet.pts for packet, time in stated if time is not None}

    def _end_at_jump(
        self, group: PacketGroup, times: list[float | None], following: float | None
    ) -> None:
        """Cut a group where its clock starts again, or leads too far."""
        places = [place for place, time in enumerate(times) if time is not None]
        known = [time for time in times if time is not None]
        jump = self._history.find_restart(
            known, following, has_key=group.has_key and times[0] is not None
        )
        far = next((i for i, t in enumerate(known) if t > MAX_DURATION_HOURS * 3600), len(known))
        index = min(jump, far)
        if index == len(known):
            return
        place = places[index]
        latest = max([self._latest or 0.0, *known[:index]])
        self._restart = _jump_error(self._video.address, latest, known[index])
        del group.packets[place:], times[place:]
        group.is_complete, group.next_key = True, None

    def _record_times(self, group: PacketGroup) -> None:
        """Report how far the file was read, and gaps."""
        for time in sorted(group.times):  # packets come in decoding order
            if self._latest is not None and time - self._latest > self._min_gap:
                self._report.gaps.append((self._latest, time))
            self._latest = time if self._latest is None else max(self._latest, time)
        self._report.last_seconds = max(self._report.last_seconds, self._latest or 0.0)


def _jump_error(address: str, latest: float, next_time: float) -> FootageUntimed:
    step = next_time - latest
    direction = "ahead" if step > 0 else "back"
    return FootageUntimed(
        f"its timestamps jump {direction} by {abs(step):.1f} s after {latest:.1f} s; what follows "
        "has no time, and was left out.",
        where=address,
        hint="Split the file there, and give each part its own start.",
    )
