"""Decoding a live stream as little as possible.

    packet ─> wanted? ── no ──> kept, undecoded ── a key frame comes ──> dropped
                 └────── yes ─> all kept are decoded up to it ─> its picture

Between two wanted pictures nothing is decoded before it is known that it must be: what lies behind
the last wanted picture of a group costs nothing. Pictures that no other refers to are skipped, and
H.264's deblocking filter is left out where pictures are shrunk to half or less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import av
from av.codec.context import CodecContext, ThreadType
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.streams.decode.file_sampler import MAX_GROUP_PACKETS
from cluster.streams.decode.frame_selector import FrameSelector

VideoPacket: TypeAlias = "av.Packet[VideoStream]"

MAX_REORDERED_FRAMES = 16
"""Frames after which a wanted picture that did not come out of the decoder is given up (the
largest picture buffer of H.264 and HEVC)."""

SKIPS_UNREFERENCED = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True, eq=False)
class FrameRequest:
    """The mark of a wanted picture, which goes with it through the decoder.

    Attributes:
        arrived_at: When its packet arrived, in seconds of the monotonic clock.
    """

    arrived_at: float


class LazyDecoder:
    """Decodes one connection's packets as far as the wanted pictures need it.

    Args:
        stream: Its video; the connection must outlive the decoder.
        chooser: Says which pictures are wanted.
        coarse: Whether a picture of (width, height) will be shrunk so far that the deblocking
            filter may be left out; asked at key frames.
    """

    def __init__(
        self, stream: VideoStream, chooser: FrameSelector, coarse: Callable[[int, int], bool]
    ) -> None:
        self.decoded = 0
        self.damaged = 0
        self.decode = chooser.decode
        """Taken over by the chooser at the next key frame: no picture can be decoded before."""
        self._stream = stream
        self._chooser = chooser
        self._coarse = coarse
        self._is_coarse = coarse(stream.width, stream.height)
        self._context = self._prepared(stream.codec_context)
        self._is_turned = False
        self._kept: list[VideoPacket] = []
        self._awaited: list[FrameRequest] = []
        self._since_wanted = 0
        self._before_start = 0
        self._has_started = False
        self._has_gap = False

    def feed(self, packet: VideoPacket, now: float) -> list[tuple[float, VideoFrame]]:
        """Take a packet.

        Args:
            packet: The next one, in the order of decoding.
            now: When it arrived, in seconds of the monotonic clock.

        Returns:
            Wanted pictures that came out, each with the time at which its packet arrived.
        """
        if not packet.size or not self._has_begun(packet):
            return []
        if packet.is_keyframe:
            self._begin_group()
        is_wanted = self._chooser.wants(now, is_key=packet.is_keyframe)
        if is_wanted:
            wanted = FrameRequest(now)
            packet.opaque = wanted
            self._awaited.append(wanted)
            self._since_wanted = 0
        elif self._chooser.decode == "key_frames" and not self._awaited:
            self._has_gap = True
            return []
        self._kept.append(packet)
        if not self._awaited and len(self._kept) < MAX_GROUP_PACKETS:
            return []
        return self._decode_kept()

    def nothing_before(self) -> float:
        """Until when no packet can be wanted; see `FrameSelector.nothing_before`."""
        return self._chooser.nothing_before()

    def _has_begun(self, packet: VideoPacket) -> bool:
        """Whether a key frame was met; streams that send none are decoded in the end anyway."""
        self._before_start += 1
        if packet.is_keyframe or self._before_start > MAX_GROUP_PACKETS:
            self._has_started = True
        return self._has_started

    def _begin_group(self) -> None:
        """What was kept is not needed any more; nor is what the decoder remembers."""
        self._chooser.decode = self.decode
        if self._kept:
            self._kept.clear()
            self._has_gap = True
        width, height = self._context.width, self._context.height
        is_coarse = self._coarse(width, height)
        if is_coarse != self._is_coarse and not self._awaited:
            self._is_coarse = is_coarse
            self._renew()
        if self._has_gap and not self._awaited:
            self._context.flush_buffers()
            self._has_gap = False

    def _renew(self) -> None:
        """A new decoder: the filter cannot be switched in one that is at work.

        A picture that is turned owes this to its file's header, of which a new decoder knows
        nothing; it keeps the old one.
        """
        if self._context.name != "h264" or self._is_turned:
            return
        fresh = CodecContext.create("h264", "r")
        fresh.extradata = self._stream.codec_context.extradata
        self._context = self._prepared(fresh)

    def _prepared(self, context: VideoCodecContext) -> VideoCodecContext:
        context.thread_type = ThreadType.NONE
        context.thread_count = 1
        context.copy_opaque = True
        if context.name == "h264" and self._is_coarse:
            context.options = {"skip_loop_filter": "all"}
        return context

    def _decode_kept(self) -> list[tuple[float, VideoFrame]]:
        found: list[tuple[float, VideoFrame]] = []
        packets, self._kept = self._kept, []
        skips = self._context.name in SKIPS_UNREFERENCED
        for packet in packets:
            is_needed = (
                not skips or isinstance(packet.opaque, FrameRequest) or packet is packets[-1]
            )
            self._context.skip_frame = "DEFAULT" if is_needed else "NONREF"
            found += self._taken(self._decode(packet))
        if self._chooser.decode == "key_frames" and self._awaited:
            # What follows is not decoded, so that a picture held back must be asked for.
            found += self._taken(self._decode(None))
            self._awaited.clear()
            self._context.flush_buffers()
        return found

    def _decode(self, packet: "VideoPacket | None") -> list[VideoFrame]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            if packet is not None and isinstance(packet.opaque, FrameRequest):
                self._give_up()
            return []
        self.decoded += len(frames)
        return frames

    def _taken(self, frames: list[VideoFrame]) -> list[tuple[float, VideoFrame]]:
        """The wanted ones among frames that came out."""
        found = []
        for frame in frames:
            self._since_wanted += 1
            self._is_turned = self._is_turned or frame.rotation % 360 != 0
            mark = frame.opaque
            if not isinstance(mark, FrameRequest) or mark not in self._awaited:
                continue
            del self._awaited[: self._awaited.index(mark) + 1]
            if frame.is_corrupt:
                self.damaged += 1
                self._give_up()
            else:
                found.append((mark.arrived_at, frame))
        if self._awaited and self._since_wanted > MAX_REORDERED_FRAMES:
            self._give_up()
        return found

    def _give_up(self) -> None:
        self._awaited.clear()
        self._chooser.lost()
