"""Decoding as little of a live stream as possible.

    packet ─> selected? ── no ──> held, undecoded ── key frame ──> dropped
                 └─────── yes ─> all held packets are decoded up to it ─> its frame

Between two selected frames, nothing is decoded before it is known to be needed: what follows the
last selected frame of a group costs nothing. Frames that no other refers to are skipped, and
H.264's deblocking filter is skipped where frames are downscaled to half or less.
"""

from collections.abc import Callable
from dataclasses import dataclass

import av
from av.codec.context import CodecContext, ThreadType
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.streams.decode.container import VideoPacket
from cluster.streams.decode.frame_selector import FrameSelector
from cluster.streams.decode.orientation import frame_orientation
from cluster.streams.decode.packet_groups import MAX_GROUP_PACKETS
from cluster.streams.decode.timestamps import MAX_REORDERED_FRAMES

SKIPS_UNREFERENCED = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True, eq=False)
class FrameRequest:
    """Marks a selected frame on its way through the decoder.

    Attributes:
        arrived_at: When its packet arrived, in seconds of the monotonic clock.
    """

    arrived_at: float


class LazyDecoder:
    """Decodes one connection's packets as far as the selected frames need it.

    Args:
        stream: Its video; the connection must outlive the decoder.
        selector: Selects the frames.
        may_skip_deblocking: Whether a frame of (width, height) is downscaled so far that the
            deblocking filter may be skipped; called at key frames.
    """

    def __init__(
        self,
        stream: VideoStream,
        selector: FrameSelector,
        may_skip_deblocking: Callable[[int, int], bool],
    ) -> None:
        self.decoded = 0
        self.damaged = 0
        self.decode = selector.decode
        """Applied to the selector at the next key frame: no frame can be decoded before."""
        self._stream = stream
        self._selector = selector
        self._may_skip_deblocking = may_skip_deblocking
        self._skips_deblocking = may_skip_deblocking(stream.width, stream.height)
        self._context = self._configured(stream.codec_context)
        self._is_upright = True
        self._held: list[VideoPacket] = []
        self._awaited: list[FrameRequest] = []
        self._frames_since_request = 0
        self._packets_before_start = 0
        self._has_started = False
        self._has_gap = False

    def feed(self, packet: VideoPacket, now: float) -> list[tuple[float, VideoFrame]]:
        """Take a packet.

        Args:
            packet: The next one, in decoding order.
            now: When it arrived, in seconds of the monotonic clock.

        Returns:
            The selected frames that were decoded, each with the arrival time of its packet.
        """
        if not packet.size or not self._can_start(packet):
            return []
        if packet.is_keyframe:
            self._begin_group()
        if self._selector.select(now, is_key=packet.is_keyframe):
            request = FrameRequest(now)
            packet.opaque = request
            self._awaited.append(request)
            self._frames_since_request = 0
        elif self._selector.decode == "key_frames" and not self._awaited:
            self._has_gap = True
            return []
        self._held.append(packet)
        if not self._awaited and len(self._held) < MAX_GROUP_PACKETS:
            return []
        return self._decode_held()

    def idle_until(self) -> float:
        """Return until when no packet can be selected; see `FrameSelector.idle_until`."""
        return self._selector.idle_until()

    def _can_start(self, packet: VideoPacket) -> bool:
        """Whether a key frame was met; a stream without any is decoded after a while anyway."""
        self._packets_before_start += 1
        if packet.is_keyframe or self._packets_before_start > MAX_GROUP_PACKETS:
            self._has_started = True
        return self._has_started

    def _begin_group(self) -> None:
        """Drop the held packets, and the decoder's state where it misses some of the stream."""
        self._selector.decode = self.decode
        if self._held:
            self._held.clear()
            self._has_gap = True
        width, height = self._context.width, self._context.height
        skips_deblocking = self._may_skip_deblocking(width, height)
        if skips_deblocking != self._skips_deblocking and not self._awaited:
            self._skips_deblocking = skips_deblocking
            self._replace_context()
        if self._has_gap and not self._awaited:
            self._context.flush_buffers()
            self._has_gap = False

    def _replace_context(self) -> None:
        """Create a new decoder: the filter of an open one cannot be switched.

        The orientation of a stream comes from the file's header, which a new decoder does not have;
        a stream that is not stored upright keeps the old one.
        """
        if self._context.name != "h264" or not self._is_upright:
            return
        context = CodecContext.create("h264", "r")
        context.extradata = self._stream.codec_context.extradata
        self._context = self._configured(context)

    def _configured(self, context: VideoCodecContext) -> VideoCodecContext:
        context.thread_type = ThreadType.NONE
        context.thread_count = 1
        context.copy_opaque = True
        if context.name == "h264" and self._skips_deblocking:
            context.options = {"skip_loop_filter": "all"}
        return context

    def _decode_held(self) -> list[tuple[float, VideoFrame]]:
        found: list[tuple[float, VideoFrame]] = []
        packets, self._held = self._held, []
        skips = self._context.name in SKIPS_UNREFERENCED
        for packet in packets:
            is_requested = isinstance(packet.opaque, FrameRequest)
            is_needed = not skips or is_requested or packet is packets[-1]
            self._context.skip_frame = "DEFAULT" if is_needed else "NONREF"
            found += self._requested(self._decode(packet))
        if self._selector.decode == "key_frames" and self._awaited:
            # What follows is not decoded, so a frame that the decoder holds back must be drained.
            found += self._requested(self._decode(None))
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

    def _requested(self, frames: list[VideoFrame]) -> list[tuple[float, VideoFrame]]:
        """Return the requested ones among decoded frames."""
        found = []
        for frame in frames:
            self._frames_since_request += 1
            self._is_upright = self._is_upright and frame_orientation(frame).is_upright
            request = frame.opaque
            if not isinstance(request, FrameRequest) or request not in self._awaited:
                continue
            del self._awaited[: self._awaited.index(request) + 1]
            if frame.is_corrupt:
                self.damaged += 1
                self._give_up()
            else:
                found.append((request.arrived_at, frame))
        if self._awaited and self._frames_since_request > MAX_REORDERED_FRAMES:
            self._give_up()
        return found

    def _give_up(self) -> None:
        self._awaited.clear()
        self._selector.mark_lost()
