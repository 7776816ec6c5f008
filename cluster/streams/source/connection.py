"""One connection to a camera: opened, its packets as they come, closed.

    rtsp(s)  over TCP, video alone       ─┐
    http(s)  MPEG-TS, MJPEG, ...          ├─> packets
    device   V4L2                         │
    file     at its own pace, over again ─┘

FFmpeg's own limits end an open or a read that takes too long; what hangs in spite of them is the
watchdog's affair.
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

from cluster.streams.decode.lazy_decoder import VideoPacket
from cluster.streams.reader.config import CameraConfig
from cluster.streams.source.address import AddressKind, CameraAddress
from cluster.streams.source.errors import (
    TIMEOUT_SHARE,
    StreamFailure,
    no_video_failure,
    open_failure,
    unknown_host_failure,
)
from cluster.streams.source.sockets import SocketTracker, resolve_peers

PROBE_MICROSECONDS = 1_000_000
"""FFmpeg looks at so much of a stream before it counts as open: its size and rate."""

DEFAULT_RATE = 25.0
MAX_WAIT_SECONDS = 1.0
"""Gaps between a file's pictures are not waited out beyond this."""

_ALLOWED_PROTOCOLS: Final = {
    AddressKind.RTSP: "rtsp,rtp,tcp",
    AddressKind.RTSPS: "rtsp,rtsps,rtp,tcp,tls",
    AddressKind.HTTP: "http,https,tcp,tls,crypto",
    AddressKind.HTTPS: "http,https,tcp,tls,crypto",
    AddressKind.FILE: "file",
}
"""What FFmpeg may open on the way: no answer of a camera leads it to a file."""


class Connection:
    """An open camera.

    Args:
        container: FFmpeg's.
        stream: Its video.
        address: Where.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, address: CameraAddress
    ) -> None:
        self.stream = stream
        self.address = address
        self._container = container

    @property
    def declared_rate(self) -> float | None:
        """Pictures a second, as the stream says; None where it says nothing."""
        return float(self.stream.average_rate) if self.stream.average_rate else None

    def packets(self, ended: threading.Event) -> Generator[VideoPacket]:
        """Packets with data as they come, until the other end closes.

        Args:
            ended: Ends the waiting between the pictures of a file.

        Raises:
            av.FFmpegError: The connection broke, or nothing came for too long.
        """
        if self.address.kind is AddressKind.FILE:
            yield from self._played(ended)
        else:
            yield from self._demuxed()

    def close(self) -> None:
        """Give everything back."""
        self._container.close()

    def _demuxed(self) -> Generator[VideoPacket]:
        with closing(self._container.demux(self.stream)) as demuxed:  # type: ignore[type-var]
            for packet in demuxed:
                if packet.size:
                    yield packet

    def _played(self, ended: threading.Event) -> Generator[VideoPacket]:
        """A file's packets at its own pace, over and over."""
        due = time.monotonic()
        has_pictures = True
        while has_pictures and not ended.is_set():
            has_pictures = False
            last: float | None = None
            for packet in self._demuxed():
                has_pictures = True
                stamp = packet.dts if packet.dts is not None else packet.pts
                seconds = None if stamp is None else float(stamp * packet.time_base)
                due = max(due + self._step(last, seconds), time.monotonic() - MAX_WAIT_SECONDS)
                ended.wait(max(0.0, due - time.monotonic()))
                last = seconds
                yield packet
            if not self._wound_back():
                return  # it is opened anew

    def _wound_back(self) -> bool:
        try:
            self._container.seek(0)
        except av.FFmpegError:  # raw streams have no index
            return False
        return True

    def _step(self, last: float | None, seconds: float | None) -> float:
        """How long after the picture before this one comes."""
        rate = self.declared_rate or DEFAULT_RATE
        if last is None or seconds is None or seconds < last:
            return min(MAX_WAIT_SECONDS, 1.0 / rate)
        return min(MAX_WAIT_SECONDS, seconds - last)


def open_connection(
    address: CameraAddress, config: CameraConfig, claim: SocketTracker
) -> Connection | StreamFailure:
    """Open a camera; blocks up to `config.open_seconds`, and longer where FFmpeg hangs.

    Args:
        address: Where.
        config: Its limits.
        claim: Knows afterwards which socket is the connection's.
    """
    begun = time.monotonic()
    try:
        container = av.open(
            _target(address),
            "r",
            format="v4l2" if address.kind is AddressKind.DEVICE else None,
            options=_ffmpeg_options(address.kind, config),
            timeout=(config.open_seconds, config.stall_seconds),
        )
    except av.FFmpegError as error:
        timed_out = time.monotonic() - begun >= TIMEOUT_SHARE * config.open_seconds
        return open_failure(error, address, timed_out=timed_out)
    stream = _select_video_stream(container)
    if stream is None:
        container.close()
        return no_video_failure(address)
    claim.settle()
    return Connection(container, stream, address)


def track_sockets(address: CameraAddress) -> SocketTracker | StreamFailure:
    """Prepare to know the sockets of a connection that is about to be opened.

    Names are looked up here already: FFmpeg only says that something went wrong.
    """
    if not address.kind.is_network:
        return SocketTracker(())
    try:
        return SocketTracker(resolve_peers(address.host, address.port))
    except OSError:
        return unknown_host_failure(address)


def _target(address: CameraAddress) -> str:
    # `file:` keeps FFmpeg from taking a file's name for a protocol.
    prefix = "file:" if address.kind is AddressKind.FILE else ""
    return prefix + address.target.get_secret_value()


def _ffmpeg_options(kind: AddressKind, config: CameraConfig) -> dict[str, str]:
    stall = str(round(config.stall_seconds * 1_000_000))
    options = {"analyzeduration": str(PROBE_MICROSECONDS)}
    if kind in _ALLOWED_PROTOCOLS:
        options["protocol_whitelist"] = _ALLOWED_PROTOCOLS[kind]
    if kind in {AddressKind.RTSP, AddressKind.RTSPS}:
        # TCP loses no packet, so that none need be waited for or put in order.
        options |= {"rtsp_transport": "tcp", "allowed_media_types": "video", "timeout": stall}
    elif kind in {AddressKind.HTTP, AddressKind.HTTPS}:
        options["rw_timeout"] = stall
    return options


def _select_video_stream(container: InputContainer) -> VideoStream | None:
    """The first video; nothing else is read."""
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
