"""The thread that reads a camera: opens, reads, tells why it ended, pauses, opens again, for ever.

    opening ─> reading <─> handling ─> closing ─> pausing ─> opening ...

The phase is there for the watchdog: in `opening`, `reading` and `closing` the thread is inside
FFmpeg, which may hang.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.streams.capture.stats import StreamStats
from cluster.streams.decode.frame_selector import FrameSelector
from cluster.streams.decode.lazy_decoder import LazyDecoder, VideoPacket
from cluster.streams.decode.packet_pacing import PacketPacer
from cluster.streams.decode.preprocess import Preprocessor, upright_frame_size
from cluster.streams.reader.config import CameraConfig, LiveFrame
from cluster.streams.source.address import CameraAddress, parse_address
from cluster.streams.source.backoff import ExponentialBackoff
from cluster.streams.source.connection import Connection, open_connection, track_sockets
from cluster.streams.source.errors import (
    TIMEOUT_SHARE,
    StreamFailure,
    ended_failure,
    read_failure,
    stalled_failure,
    undecodable_failure,
)
from cluster.streams.source.sockets import SocketTracker
from cluster.streams.source.state import StreamReason, StreamState, StreamStatus

logger = logging.getLogger(__name__)

STABLE_SECONDS = 10.0
"""A connection that lived so long was a good one: the next pause is a short one."""

MAX_UNDECODABLE_STALLS = 3.0
"""Packets without a picture are borne for so many times `stall_seconds`: the first key frame may
be far away."""


class CapturePhase(StrEnum):
    """What a reading thread is doing."""

    OPENING = "opening"
    READING = "reading"
    HANDLING = "handling"
    CLOSING = "closing"
    PAUSING = "pausing"


class FullSizeMode:
    """Whether full-size pictures are wanted, and whether their address may be tried.

    Where the full-size stream cannot be had, counting goes on with the smaller one for a while.
    """

    def __init__(self, config: CameraConfig) -> None:
        self.is_wanted = False
        self._differs = config.full_address != config.address
        self._barred_for = config.longest_pause_seconds
        self._barred_until = 0.0

    def reads_full_address(self, now: float) -> bool:
        """Whether the full-size address is the one to read now."""
        return self._differs and self.is_wanted and now >= self._barred_until

    def failed(self, now: float) -> None:
        """It could not be opened."""
        self._barred_until = now + self._barred_for


@dataclass(frozen=True, slots=True)
class CaptureContext:
    """What a camera's threads have in common, where one has to take over from another.

    Attributes:
        config: How to read it.
        deliver: Takes its pictures; called in the reading thread.
        status: Its state.
        measures: What is measured of it.
        pauses: Between attempts.
        full_size: What is wanted of it.
    """

    config: CameraConfig
    deliver: Callable[[LiveFrame], None]
    status: StreamStatus
    measures: StreamStats
    pauses: ExponentialBackoff
    full_size: FullSizeMode


class CaptureThread(threading.Thread):
    """One thread that reads one camera until it is ended.

    Args:
        shared: What it has in common with those before and after it.
        takes_over: Whether one before it came to grief: it begins with a pause.
    """

    def __init__(self, shared: CaptureContext, *, takes_over: bool = False) -> None:
        super().__init__(name=f"camera {shared.config.camera_id}", daemon=True)
        self.attempts = 0
        """How often it began to open the camera."""
        self.phase = (CapturePhase.PAUSING, time.monotonic())
        """What it does, and since when on the monotonic clock."""
        self._shared = shared
        self._takes_over = takes_over
        self._config = shared.config
        self._ended = threading.Event()
        self._speaking = threading.Lock()
        self._claim: SocketTracker | None = None
        self._address = parse_address(shared.config.address)
        self._full_address = parse_address(shared.config.full_address)

    def end(self) -> None:
        """Let it end; from now on it changes no state and delivers nothing."""
        with self._speaking:
            self._ended.set()

    def cut(self) -> None:
        """Shut its sockets down: what waits in them comes back with an error."""
        claim = self._claim
        if claim is not None:
            claim.cut()

    def run(self) -> None:
        """The thread's work."""
        if self._takes_over:
            self._ended.wait(self._shared.pauses.next())
        while not self._ended.is_set():
            failure = self._attempt()
            self._enter(CapturePhase.PAUSING)
            if failure is None or self._ended.is_set():
                continue
            cautious = failure.reason is StreamReason.WRONG_CREDENTIALS
            self._ended.wait(self._shared.pauses.next(cautious=cautious))

    def _attempt(self) -> StreamFailure | None:
        """One connection from its opening to its end; None where another follows at once."""
        self._enter(CapturePhase.OPENING)
        self.attempts += 1
        full_size = self._shared.full_size
        is_full = full_size.reads_full_address(time.monotonic())
        address = self._full_address if is_full else self._address
        opened = self._open(address)
        if isinstance(opened, StreamFailure):
            if is_full:
                full_size.failed(time.monotonic())
            self._say(StreamState.FAILED, opened)
            return opened
        try:
            failure = self._read(opened, is_full=is_full)
        finally:
            self._enter(CapturePhase.CLOSING)
            opened.close()
            self._release()
        if failure is not None:
            was_live = self._shared.status.status.state in {StreamState.LIVE, StreamState.STALLED}
            self._say(StreamState.RECONNECTING if was_live else StreamState.FAILED, failure)
        return failure if failure and failure.reason is not StreamReason.FULL_SIZE_WANTED else None

    def _open(self, address: CameraAddress) -> Connection | StreamFailure:
        claim = track_sockets(address)
        if isinstance(claim, StreamFailure):
            return claim
        self._claim = claim
        opened = open_connection(address, self._config, claim)
        if isinstance(opened, StreamFailure):
            self._release()
        return opened

    def _release(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def _read(self, connection: Connection, *, is_full: bool) -> StreamFailure | None:
        """Read until it breaks, another address is wanted, or the thread is to end."""
        config, full_size = self._config, self._shared.full_size
        codec = connection.stream.codec_context.name
        self._shared.measures.opened(time.monotonic(), codec, connection.declared_rate)
        shrinker = Preprocessor(config.input_size, config.masks)
        decoder = LazyDecoder(
            connection.stream,
            FrameSelector(config.rate, "all" if full_size.is_wanted else config.decode),
            lambda width, height: not full_size.is_wanted and shrinker.halves(width, height),
        )
        self._enter(CapturePhase.READING)
        try:
            with closing(connection.packets(self._ended)) as packets:
                return self._take(packets, decoder, shrinker, connection, is_full=is_full)
        except av.FFmpegError as error:
            return read_failure(error, connection.address, timed_out=self._has_waited())

    def _take(
        self,
        packets: Iterable[VideoPacket],
        decoder: LazyDecoder,
        shrinker: Preprocessor,
        connection: Connection,
        *,
        is_full: bool,
    ) -> StreamFailure | None:
        config, measures, full_size = self._config, self._shared.measures, self._shared.full_size
        begun = last_picture = asked = time.monotonic()
        decoded, doze = 0, PacketPacer(self._ended)
        for packet in packets:
            now = self._enter(CapturePhase.HANDLING)
            if self._ended.is_set():
                return None
            if full_size.reads_full_address(now) != is_full:
                return StreamFailure(StreamReason.FULL_SIZE_WANTED, "the other stream is opened.")
            decoder.decode = "all" if full_size.is_wanted else config.decode
            for taken_at, frame in decoder.feed(packet, doze.arrived(asked, now)):
                last_picture = now
                self._give(taken_at, frame, shrinker, connection.stream)
            measures.arrived(now, decoder.decoded - decoded)
            decoded = decoder.decoded
            if now - last_picture > MAX_UNDECODABLE_STALLS * config.stall_seconds:
                return undecodable_failure(connection.address)
            if now - begun > STABLE_SECONDS:
                self._shared.pauses.reset()
            doze.until(decoder.nothing_before(), now)
            asked = self._enter(CapturePhase.READING)
        if self._ended.is_set():
            return None
        return (
            stalled_failure(connection.address)
            if self._has_waited()
            else ended_failure(connection.address)
        )

    def _has_waited(self) -> bool:
        """Whether the last read took so long that a limit must have ended it."""
        return time.monotonic() - self.phase[1] >= TIMEOUT_SHARE * self._config.stall_seconds

    def _enter(self, phase: CapturePhase) -> float:
        now = time.monotonic()
        self.phase = (phase, now)
        return now

    def _give(
        self, taken_at: float, frame: VideoFrame, shrinker: Preprocessor, stream: VideoStream
    ) -> None:
        """Deliver a picture, and say that the camera lives."""
        pixels = shrinker(frame, stream)
        full = shrinker.full(frame, stream) if self._shared.full_size.is_wanted else None
        self._shared.measures.pictured(taken_at, pixels, upright_frame_size(frame, stream))
        if self._say(StreamState.LIVE, StreamFailure(StreamReason.PICTURES_ARRIVE, "")):
            self._shared.deliver(LiveFrame(self._config.camera_id, taken_at, pixels, full))

    def _say(self, state: StreamState, why: StreamFailure) -> bool:
        """Change the state, unless the thread was ended; gives whether it was not."""
        with self._speaking:
            if self._ended.is_set():
                return False
            if self._shared.status.move(state, why.reason, why.detail):
                words = (self._config.camera_id, state, why.reason, why.detail)
                logger.info("camera %s is %s (%s): %s", *words)
            return True
