"""Cameras for the benchmarks: MP4 files of a folder over RTSP, in a loop.

    python -m bench.cameras .bench 8554

    rtsp://127.0.0.1:8554/camera-1080p.mp4

A file is split into RTP packets once (RFC 6184: single NAL units, and FU-A where they are long),
and all clients are sent the same bytes, one write a frame, over TCP (RFC 2326, 10.12). So a camera
costs the server little, which shares the cores with what is measured. Each client begins at another
frame, since real cameras are not synchronised.
"""

import asyncio
import base64
import itertools
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import av
import uvloop

CLOCK_HZ = 90_000
MAX_PAYLOAD_BYTES = 1400
FU_A = 28
PAYLOAD_TYPE = 96
CLIENT_OFFSET_FRAMES = 17
"""Frames between the starts of two clients: does not divide a group of pictures."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A file, split for sending.

    Attributes:
        rate: Frames a second.
        frames: The RTP payloads of each frame, in order.
        sdp: Its session description (RFC 4566).
    """

    rate: float
    frames: tuple[tuple[bytes, ...], ...]
    sdp: str

    @cached_property
    def sequence(self) -> tuple[int, ...]:
        """Sequence number of each frame's first packet, and of the packet after the last frame."""
        return tuple(itertools.accumulate(map(len, self.frames), initial=0))

    @lru_cache(maxsize=2048)  # noqa: B019 (a clip is kept as long as the server runs)
    def packets(self, number: int) -> bytes:
        """Return a frame as RTP packets; frame numbers continue over the loops of the file."""
        loop, frame = divmod(number, len(self.frames))
        sequence = loop * self.sequence[-1] + self.sequence[frame]
        stamp = int(number * CLOCK_HZ / self.rate) & 0xFFFFFFFF
        parts, packets = self.frames[frame], bytearray()
        for place, part in enumerate(parts):
            kind = PAYLOAD_TYPE | (0x80 if place == len(parts) - 1 else 0)
            packets += struct.pack(">BBH", 0x24, 0, 12 + len(part))
            packets += struct.pack(">BBHII", 0x80, kind, (sequence + place) & 0xFFFF, stamp, 1)
            packets += part
        return bytes(packets)


@cache
def read_clip(path: Path) -> Clip:
    """Read a file, and split its frames into RTP payloads."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        parameters = _parameter_sets(stream.codec_context.extradata or b"")
        sets = ",".join(base64.b64encode(one).decode() for one in parameters)
        frames = [
            tuple(part for nal in _nals(bytes(packet)) for part in _payloads(nal))
            for packet in container.demux(stream)
            if packet.size
        ]
        rate = float(stream.average_rate or 25)
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\nc=IN IP4 0.0.0.0\r\n"
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}\r\n"
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={sets}\r\n"
        f"a=framerate:{rate:g}\r\na=control:track0\r\n"
    )
    return Clip(rate, tuple(frames), sdp)


def _parameter_sets(avcc: bytes) -> list[bytes]:
    """Return SPS and PPS of an `avcC` box (ISO/IEC 14496-15)."""
    found, at = [], 5
    for mask in (0x1F, 0xFF):
        count, at = avcc[at] & mask, at + 1
        for _ in range(count):
            (size,) = struct.unpack_from(">H", avcc, at)
            found.append(avcc[at + 2 : at + 2 + size])
            at += 2 + size
    return found


def _nals(sample: bytes) -> Iterator[bytes]:
    """Yield the NAL units of an MP4 sample, each preceded by four bytes of its length."""
    at = 0
    while at + 4 <= len(sample):
        (size,) = struct.unpack_from(">I", sample, at)
        yield sample[at + 4 : at + 4 + size]
        at += 4 + size


def _payloads(nal: bytes) -> Iterator[bytes]:
    if len(nal) <= MAX_PAYLOAD_BYTES:
        yield nal
        return
    indicator, kind, rest = nal[0] & 0xE0 | FU_A, nal[0] & 0x1F, nal[1:]
    for begins in range(0, len(rest), MAX_PAYLOAD_BYTES):
        part = rest[begins : begins + MAX_PAYLOAD_BYTES]
        start = 0x80 if begins == 0 else 0
        end = 0x40 if begins + MAX_PAYLOAD_BYTES >= len(rest) else 0
        yield bytes([indicator, start | end | kind]) + part


class Session:
    """One client.

    Args:
        folder: Folder of the files.
        first_frame: Number of the frame that it begins with.
        reader: Its requests.
        writer: Its responses and packets.
    """

    def __init__(
        self,
        folder: Path,
        first_frame: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._folder = folder
        self._first_frame = first_frame
        self._reader = reader
        self._writer = writer
        self._playing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Respond until the client disconnects."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await self._reader.readuntil(b"\r\n\r\n")
                # Reception reports (RTCP, after a `$`) are ignored.
                while request[:1] == b"$":
                    (size,) = struct.unpack_from(">H", request, 2)
                    if len(request) < 4 + size:
                        request += await self._reader.readexactly(4 + size - len(request))
                    request = request[4 + size :] or await self._reader.readuntil(b"\r\n\r\n")
                self._respond(request.decode("ascii", "replace"))
        if self._playing is not None:
            self._playing.cancel()
        self._writer.close()

    def _respond(self, request: str) -> None:
        lines = request.split("\r\n")
        method, address, _ = lines[0].split(" ", 2)
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        headers, body = {"CSeq": fields.get("cseq", "0"), "Session": "1;timeout=60"}, ""
        if method == "OPTIONS":
            headers["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
        elif method == "DESCRIBE":
            body = self._clip(address).sdp
            headers |= {"Content-Type": "application/sdp", "Content-Base": f"{address}/"}
        elif method == "SETUP":
            headers["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
        elif method == "PLAY" and self._playing is None:
            self._playing = asyncio.create_task(self._play(self._clip(address)))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"RTSP/1.0 200 OK\r\n{head}{length}\r\n{body}".encode())

    def _clip(self, address: str) -> Clip:
        return read_clip(self._folder / Path(address.partition("?")[0].rstrip("/")).name)

    async def _play(self, clip: Clip) -> None:
        """Send frame after frame, each at its time."""
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        with suppress(ConnectionError):
            for number in itertools.count():
                self._writer.write(clip.packets(self._first_frame % len(clip.frames) + number))
                await self._writer.drain()
                await asyncio.sleep(max(0.0, started_at + (number + 1) / clip.rate - loop.time()))


async def _serve(folder: Path, port: int) -> None:
    clients = itertools.count()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(folder, CLIENT_OFFSET_FRAMES * next(clients), reader, writer).serve()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
