"""The thread that reads a camera: it opens, reads, reports why that ended, pauses, and reconnects.

    opening ─> reading <─> handling ─> closing ─> pausing ─> opening ...

The watchdog reads the phase: in `opening`, `reading` and `closing` the thread is inside FFmpeg,
which may hang.
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

from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.key_frame_wait import KeyFrameWait
from cluster.streams.capture.stats import StreamStats
from cluster.streams.decode.container import VideoPacket
from cluster.streams.decode.frame_selector import FrameSelector
from cluster.streams.decode.lazy_decoder import LazyDecoder
from cluster.streams.decode.packet_pacing import PacketPacer
from cluster.streams.decode.preprocess import Preprocessor, upright_frame_size
from cluster.streams.source.address import CameraAddress, parse_address
from cluster.streams.source.backoff import ExponentialBackoff
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.connection import Connection, open_connection, track_sockets
from cluster.streams.source.errors import (
    TIMEOUT_SHARE,
    StreamFailure,
    ended_failure,
    key_frame_awaited,
    no_key_frame_failure,
    read_failure,
    stalled_failure,
    undecodable_failure,
)
from cluster.streams.source.sockets import SocketTracker
from cluster.streams.source.state import StreamReason, StreamState, StreamStatus

logger = logging.getLogger(__name__)

STABLE_SECONDS = 10.0
"""A connection that lasts this long resets the backoff."""


class CapturePhase(StrEnum):
    """What a capture thread is doing."""

    OPENING = "opening"
    READING = "reading"
    HANDLING = "handling"
    CLOSING = "closing"
    PAUSING = "pausing"


class FullSizeMode:
    """Whether full-size frames are requested, and whether their address may be tried.

    Where the full-size stream cannot be opened, counting continues with the sub-stream for a while.
    """

    def __init__(self, config: CameraConfig) -> None:
        self.is_requested = False
        self._has_own_address = config.full_address != config.address
        self._retry_seconds = config.longest_pause_seconds
        self._retry_at = 0.0

    def uses_full_address(self, now: float) -> bool:
        """Whether the full-size address is the one to read now."""
        return self._has_own_address and self.is_requested and now >= self._retry_at

    def mark_failed(self, now: float) -> None:
        """Record that the full-size address could not be opened."""
        self._retry_at = now + self._retry_seconds


@dataclass(frozen=True, slots=True)
class CaptureContext:
    """What the successive threads of one camera share.

    Attributes:
        config: How the camera is read.
        deliver: Receives its frames; called in the capture thread.
        status: The state of its stream.
        stats: What is measured of its stream.
        backoff: The pauses between attempts to connect.
        full_size: Whether full-size frames are requested.
    """

    config: CameraConfig
    deliver: Callable[[LiveFrame], None]
    status: StreamStatus
    stats: StreamStats
    backoff: ExponentialBackoff
    full_size: FullSizeMode


class CaptureThread(threading.Thread):
    """Reads one camera until it is asked to stop.

    Args:
        context: What it shares with the camera's other threads.
        is_replacement: Whether it replaces a thread that hung or failed: it begins with a pause.
    """

    def __init__(self, context: CaptureContext, *, is_replacement: bool = False) -> None:
        super().__init__(name=f"camera {context.config.camera_id}", daemon=True)
        self.attempts = 0
        """How often it began to open the camera."""
        self.phase = (CapturePhase.PAUSING, time.monotonic())
        """What it does, and since when on the monotonic clock."""
        self._shared = context
        self._is_replacement = is_replacement
        self._config = context.config
        self._stop_requested = threading.Event()
        self._publish_lock = threading.Lock()
        self._sockets: SocketTracker | None = None
        self._address = parse_address(context.config.address)
        self._full_address = parse_address(context.config.full_address)

    def request_stop(self) -> None:
        """Ask it to end; from now on it changes no state and delivers nothing."""
        with self._publish_lock:
            self._stop_requested.set()

    def shut_down_sockets(self) -> None:
        """Shut its sockets down, so that a call that blocks in them returns with an error."""
        sockets = self._sockets
        if sockets is not None:
            sockets.shut_down()

    def run(self) -> None:
        """Connect, read and reconnect until a stop is requested."""
        if self._is_replacement:
            self._stop_requested.wait(self._shared.backoff.next_seconds())
        while not self._stop_requested.is_set():
            failure = self._connect_and_read()
            self._enter_phase(CapturePhase.PAUSING)
            if failure is None or self._stop_requested.is_set():
                continue
            is_rejected = failure.reason is StreamReason.WRONG_CREDENTIALS
            pause_seconds = self._shared.backoff.next_seconds(avoid_lockout=is_rejected)
            self._stop_requested.wait(pause_seconds)

    def _connect_and_read(self) -> StreamFailure | None:
        """Open and read one connection; None where the next attempt follows without a pause."""
        self._enter_phase(CapturePhase.OPENING)
        self.attempts += 1
        full_size = self._shared.full_size
        is_full = full_size.uses_full_address(time.monotonic())
        address = self._full_address if is_full else self._address
        connection = self._open(address)
        if isinstance(connection, StreamFailure):
            if is_full:
                full_size.mark_failed(time.monotonic())
            self._set_state(StreamState.FAILED, connection)
            return connection
        try:
            failure = self._read(connection, is_full=is_full)
        finally:
            self._enter_phase(CapturePhase.CLOSING)
            connection.close()
            self._release_sockets()
        if failure is not None:
            was_live = self._shared.status.current.state in {
                StreamState.LIVE,
                StreamState.STALLED,
            }
            self._set_state(StreamState.RECONNECTING if was_live else StreamState.FAILED, failure)
        return failure if failure and failure.reason is not StreamReason.FULL_SIZE_WANTED else None

    def _open(self, address: CameraAddress) -> Connection | StreamFailure:
        sockets = track_sockets(address)
        if isinstance(sockets, StreamFailure):
            return sockets
        self._sockets = sockets
        connection = open_connection(address, self._config, sockets)
        if isinstance(connection, StreamFailure):
            self._release_sockets()
        return connection

    def _release_sockets(self) -> None:
        sockets, self._sockets = self._sockets, None
        if sockets is not None:
            sockets.release()

    def _read(self, connection: Connection, *, is_full: bool) -> StreamFailure | None:
        """Read until it breaks, another address is to be read, or a stop is requested."""
        config, full_size = self._config, self._shared.full_size
        codec = connection.stream.codec_context.name
        self._shared.stats.record_open(time.monotonic(), codec, connection.declared_rate)
        preprocessor = Preprocessor(config.input_size, config.masks)
        decoder = LazyDecoder(
            connection.stream,
            FrameSelector(config.rate, "all" if full_size.is_requested else config.decode),
            lambda width, height: (
                not full_size.is_requested and preprocessor.halves_size(width, height)
            ),
        )
        self._enter_phase(CapturePhase.READING)
        try:
            with closing(connection.packets(self._stop_requested)) as packets:
                return self._process(packets, decoder, preprocessor, connection, is_full=is_full)
        except av.FFmpegError as error:
            return read_failure(error, connection.address, timed_out=self._read_timed_out())

    def _process(
        self,
        packets: Iterable[VideoPacket],
        decoder: LazyDecoder,
        preprocessor: Preprocessor,
        connection: Connection,
        *,
        is_full: bool,
    ) -> StreamFailure | None:
        config, stats, full_size = self._config, self._shared.stats, self._shared.full_size
        opened_at = requested_at = time.monotonic()
        decoded, pacer = 0, PacketPacer(self._stop_requested)
        wait = KeyFrameWait(opened_at, config.stall_seconds)
        for packet in packets:
            now = self._enter_phase(CapturePhase.HANDLING)
            if self._stop_requested.is_set():
                return None
            if full_size.uses_full_address(now) != is_full:
                return StreamFailure(StreamReason.FULL_SIZE_WANTED, "the other stream is opened.")
            decoder.decode = "all" if full_size.is_requested else config.decode
            arrived_at = pacer.arrival_time(requested_at, now)
            wait.record_packet(now, is_key=packet.is_keyframe)
            for taken_at, frame in decoder.feed(packet, arrived_at):
                wait.record_frame(now)
                self._deliver(taken_at, frame, preprocessor, connection.stream)
            stats.record_packet(now, decoder.decoded - decoded)
            decoded = decoder.decoded
            if failure := self._check_wait(wait, decoder, connection.address, now):
                return failure
            if now - opened_at > STABLE_SECONDS:
                self._shared.backoff.reset()
            pacer.sleep_until(decoder.idle_until(), now)
            requested_at = self._enter_phase(CapturePhase.READING)
        if self._stop_requested.is_set():
            return None
        if self._read_timed_out():
            return stalled_failure(connection.address)
        return ended_failure(connection.address)

    def _check_wait(
        self, wait: KeyFrameWait, decoder: LazyDecoder, address: CameraAddress, now: float
    ) -> StreamFailure | None:
        """Report that a key frame is awaited; returns why, where the wait has been too long."""
        if wait.is_exceeded(now):
            if wait.needs_key_frame:
                return no_key_frame_failure(address, wait.limit_seconds)
            return undecodable_failure(address)
        if wait.is_noticeable(now, only_key_frames=decoder.decode == "key_frames"):
            self._set_state(StreamState.STALLED, key_frame_awaited(address, wait.limit_seconds))
        return None

    def _read_timed_out(self) -> bool:
        """Whether the last read took so long that its timeout must have ended it."""
        return time.monotonic() - self.phase[1] >= TIMEOUT_SHARE * self._config.stall_seconds

    def _enter_phase(self, phase: CapturePhase) -> float:
        now = time.monotonic()
        self.phase = (phase, now)
        return now

    def _deliver(
        self, taken_at: float, frame: VideoFrame, preprocessor: Preprocessor, stream: VideoStream
    ) -> None:
        """Deliver a frame, and set the state to live."""
        pixels = preprocessor(frame, stream)
        full = None
        if self._shared.full_size.is_requested:
            full = preprocessor.full_size(frame, stream)
        self._shared.stats.record_frame(taken_at, pixels, upright_frame_size(frame, stream))
        if self._set_state(StreamState.LIVE, StreamFailure(StreamReason.PICTURES_ARRIVE, "")):
            self._shared.deliver(LiveFrame(self._config.camera_id, taken_at, pixels, full))

    def _set_state(self, state: StreamState, why: StreamFailure) -> bool:
        """Change the state unless a stop was requested; returns whether none was."""
        with self._publish_lock:
            if self._stop_requested.is_set():
                return False
            if self._shared.status.transition(state, why.reason, why.detail):
                values = (self._config.camera_id, state, why.reason, why.detail)
                logger.info("camera %s is %s (%s): %s", *values)
            return True
