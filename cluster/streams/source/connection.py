"""One connection to a camera: open, read packets, close.

    rtsp(s)  over TCP, video only   ─┐
    http(s)  MPEG-TS, MJPEG, ...     ├─> packets
    device   V4L2                    │
    file     in real time, looped   ─┘

FFmpeg's timeouts end an open or a read that takes too long; the watchdog ends what hangs in spite
of them.
"""

import threading
import time
from collections.abc import Generator
from contextlib import closing
from typing import Final

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from cluster.streams.decode.container import VideoPacket
from cluster.streams.decode.opening import VIDEO_FORMATS
from cluster.streams.source.address import AddressKind, CameraAddress
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.errors import (
    TIMEOUT_SHARE,
    StreamFailure,
    no_video_failure,
    open_failure,
    unknown_host_failure,
)
from cluster.streams.source.sockets import SocketTracker, resolve_peers

PROBE_MICROSECONDS = 1_000_000
"""FFmpeg analyses this much of a stream, for its size and rate, before it counts as open."""

DEFAULT_RATE = 25.0
MAX_WAIT_SECONDS = 1.0
"""Longer gaps between the frames of a file are shortened to this."""

_ALLOWED_PROTOCOLS: Final = {
    AddressKind.RTSP: "rtsp,rtp,tcp",
    AddressKind.RTSPS: "rtsp,rtsps,rtp,tcp,tls",
    AddressKind.HTTP: "http,https,tcp,tls,crypto",
    AddressKind.HTTPS: "http,https,tcp,tls,crypto",
    AddressKind.FILE: "file",
}
"""Protocols that FFmpeg may open: no response of a camera can redirect it to a file."""


class Connection:
    """An open connection to a camera.

    Args:
        container: FFmpeg's container.
        stream: Its video stream.
        address: The camera's.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, address: CameraAddress
    ) -> None:
        self.stream = stream
        self.address = address
        self._container = container

    @property
    def declared_rate(self) -> float | None:
        """Frames a second that the stream declares; None where it declares none."""
        return float(self.stream.average_rate) if self.stream.average_rate else None

    def packets(self, stop_requested: threading.Event) -> Generator[VideoPacket]:
        """Yield packets with data as they arrive, until the camera closes the stream.

        Args:
            stop_requested: Interrupts the waits between the frames of a file.

        Raises:
            av.FFmpegError: The connection broke, or nothing arrived for too long.
        """
        if self.address.kind is AddressKind.FILE:
            yield from self._play_in_real_time(stop_requested)
        else:
            yield from self._demux()

    def close(self) -> None:
        """Close the container, its decoder and its sockets."""
        self._container.close()

    def _demux(self) -> Generator[VideoPacket]:
        with closing(self._container.demux(self.stream)) as demuxed:  # type: ignore[type-var]
            for packet in demuxed:
                if packet.size:
                    yield packet

    def _play_in_real_time(self, stop_requested: threading.Event) -> Generator[VideoPacket]:
        """Yield a file's packets at the pace of its timestamps, in a loop."""
        due = time.monotonic()
        has_frames = True
        while has_frames and not stop_requested.is_set():
            has_frames = False
            previous: float | None = None
            for packet in self._demux():
                has_frames = True
                timestamp = packet.dts if packet.dts is not None else packet.pts
                seconds = None if timestamp is None else float(timestamp * packet.time_base)
                interval = self._interval_seconds(previous, seconds)
                due = max(due + interval, time.monotonic() - MAX_WAIT_SECONDS)
                stop_requested.wait(max(0.0, due - time.monotonic()))
                previous = seconds
                yield packet
            if not self._rewind():
                return  # the caller opens the file again

    def _rewind(self) -> bool:
        try:
            self._container.seek(0)
        except av.FFmpegError:  # raw streams have no index
            return False
        return True

    def _interval_seconds(self, previous: float | None, seconds: float | None) -> float:
        """Return the time between two frames, from their timestamps where they have any."""
        rate = self.declared_rate or DEFAULT_RATE
        if previous is None or seconds is None or seconds < previous:
            return min(MAX_WAIT_SECONDS, 1.0 / rate)
        return min(MAX_WAIT_SECONDS, seconds - previous)


def open_connection(
    address: CameraAddress, config: CameraConfig, sockets: SocketTracker
) -> Connection | StreamFailure:
    """Open a camera; blocks up to twice `config.open_seconds`, and longer where FFmpeg hangs.

    Args:
        address: The camera's.
        config: Its timeouts.
        sockets: Claims the connection's socket.
    """
    started_at = time.monotonic()
    try:
        container = av.open(
            _target(address),
            "r",
            format="v4l2" if address.kind is AddressKind.DEVICE else None,
            options=_ffmpeg_options(address.kind, config),
            timeout=(config.open_seconds, config.stall_seconds),
        )
    except av.FFmpegError as error:
        timed_out = time.monotonic() - started_at >= TIMEOUT_SHARE * config.open_seconds
        return open_failure(error, address, timed_out=timed_out)
    stream = _select_video_stream(container)
    if stream is None:
        container.close()
        return no_video_failure(address)
    sockets.claim()
    return Connection(container, stream, address)


def track_sockets(address: CameraAddress) -> SocketTracker | StreamFailure:
    """Start to track the sockets of a connection that is about to be opened.

    Resolves the host name first: FFmpeg does not report an unknown host as an error of its own.
    """
    if not address.kind.is_network:
        return SocketTracker(())
    try:
        return SocketTracker(resolve_peers(address.host, address.port))
    except OSError:
        return unknown_host_failure(address)


def _target(address: CameraAddress) -> str:
    # `file:` keeps FFmpeg from parsing a file name as a protocol.
    prefix = "file:" if address.kind is AddressKind.FILE else ""
    return prefix + address.target.get_secret_value()


def _ffmpeg_options(kind: AddressKind, config: CameraConfig) -> dict[str, str]:
    # One wait of an open may last as long as the whole: FFmpeg reports a DESCRIBE that it gave up
    # as invalid data. PyAV's timeouts, which are passed to `av.open`, end opens and reads.
    longest_wait = str(round(max(config.open_seconds, config.stall_seconds) * 1_000_000))
    options = {"analyzeduration": str(PROBE_MICROSECONDS)}
    if kind in _ALLOWED_PROTOCOLS:
        options["protocol_whitelist"] = _ALLOWED_PROTOCOLS[kind]
    if kind is AddressKind.FILE:
        options["format_whitelist"] = VIDEO_FORMATS
    if kind in {AddressKind.RTSP, AddressKind.RTSPS}:
        # TCP neither loses nor reorders packets.
        options |= {"rtsp_transport": "tcp", "allowed_media_types": "video"}
        options["timeout"] = longest_wait
    elif kind in {AddressKind.HTTP, AddressKind.HTTPS}:
        options["rw_timeout"] = longest_wait
    return options


def _select_video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream, and discard all others."""
    chosen = None
    for stream in container.streams:
        if (
            chosen is None
            and isinstance(stream, VideoStream)
            and stream.codec_context is not None
            and not stream.disposition & Disposition.attached_pic
        ):
            chosen = stream
        else:
            stream.discard = Discard.all
    return chosen
