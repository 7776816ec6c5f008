"""Cameras for the benchmarks: MP4 files of a folder over RTSP, again and again.

    python -m bench.cameras .bench 8554

    rtsp://127.0.0.1:8554/camera-1080p.mp4

A file is cut into RTP packets once (RFC 6184: single NAL units, and FU-A where they are long), and
all clients are sent the same bytes, a write a picture, over TCP (RFC 2326, 10.12). So a camera
costs its server little, which shares the cores with what is measured. Each client begins at
another picture, as cameras do that know nothing of each other.
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

CLOCK = 90_000
PAYLOAD = 1400
FU_A = 28
TYPE = 96
APART = 17
"""Pictures between the beginnings of two clients: no whole part of a group of them."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A file as it is sent.

    Attributes:
        rate: Pictures a second.
        pictures: The RTP payloads of each, in order.
        sdp: Describes it (RFC 4566).
    """

    rate: float
    pictures: tuple[tuple[bytes, ...], ...]
    sdp: str

    @cached_property
    def sequence(self) -> tuple[int, ...]:
        """The sequence number of each picture's first packet, and of the one after the last."""
        return tuple(itertools.accumulate(map(len, self.pictures), initial=0))

    @lru_cache(maxsize=2048)  # noqa: B019 (a clip is kept as long as the server runs)
    def sent(self, number: int) -> bytes:
        """A picture as it is sent; numbers go on where the file begins again."""
        again, picture = divmod(number, len(self.pictures))
        sequence = again * self.sequence[-1] + self.sequence[picture]
        stamp = int(number * CLOCK / self.rate) & 0xFFFFFFFF
        parts, out = self.pictures[picture], bytearray()
        for place, part in enumerate(parts):
            kind = TYPE | (0x80 if place == len(parts) - 1 else 0)
            out += struct.pack(">BBH", 0x24, 0, 12 + len(part))
            out += struct.pack(">BBHII", 0x80, kind, (sequence + place) & 0xFFFF, stamp, 1)
            out += part
        return bytes(out)


@cache
def clip_of(path: Path) -> Clip:
    """Read a file."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        parameters = _parameter_sets(stream.codec_context.extradata or b"")
        sets = ",".join(base64.b64encode(one).decode() for one in parameters)
        pictures = [
            tuple(part for nal in _nals(bytes(packet)) for part in _payloads(nal))
            for packet in container.demux(stream)
            if packet.size
        ]
        rate = float(stream.average_rate or 25)
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
        f"m=video 0 RTP/AVP {TYPE}\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:{TYPE} H264/{CLOCK}\r\n"
        f"a=fmtp:{TYPE} packetization-mode=1;sprop-parameter-sets={sets}\r\n"
        f"a=framerate:{rate:g}\r\na=control:track0\r\n"
    )
    return Clip(rate, tuple(pictures), sdp)


def _parameter_sets(avcc: bytes) -> list[bytes]:
    """SPS and PPS of an `avcC` box (ISO/IEC 14496-15)."""
    found, at = [], 5
    for mask in (0x1F, 0xFF):
        count, at = avcc[at] & mask, at + 1
        for _ in range(count):
            (size,) = struct.unpack_from(">H", avcc, at)
            found.append(avcc[at + 2 : at + 2 + size])
            at += 2 + size
    return found


def _nals(picture: bytes) -> Iterator[bytes]:
    """The NAL units of an MP4 sample, each behind four bytes of its length."""
    at = 0
    while at + 4 <= len(picture):
        (size,) = struct.unpack_from(">I", picture, at)
        yield picture[at + 4 : at + 4 + size]
        at += 4 + size


def _payloads(nal: bytes) -> Iterator[bytes]:
    if len(nal) <= PAYLOAD:
        yield nal
        return
    indicator, kind, rest = nal[0] & 0xE0 | FU_A, nal[0] & 0x1F, nal[1:]
    for begins in range(0, len(rest), PAYLOAD):
        part = rest[begins : begins + PAYLOAD]
        start = 0x80 if begins == 0 else 0
        end = 0x40 if begins + PAYLOAD >= len(rest) else 0
        yield bytes([indicator, start | end | kind]) + part


class Session:
    """One client.

    Args:
        folder: Where the files are.
        begins: With which picture.
        reader: What it asks.
        writer: What it is sent.
    """

    def __init__(
        self,
        folder: Path,
        begins: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._folder = folder
        self._begins = begins
        self._reader = reader
        self._writer = writer
        self._playing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer until the client goes."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await self._reader.readuntil(b"\r\n\r\n")
                # What the client says of its reception (RTCP, behind a `$`) is of no interest.
                while asked[:1] == b"$":
                    (size,) = struct.unpack_from(">H", asked, 2)
                    if len(asked) < 4 + size:
                        asked += await self._reader.readexactly(4 + size - len(asked))
                    asked = asked[4 + size :] or await self._reader.readuntil(b"\r\n\r\n")
                self._answer(asked.decode("ascii", "replace"))
        if self._playing is not None:
            self._playing.cancel()
        self._writer.close()

    def _answer(self, asked: str) -> None:
        lines = asked.split("\r\n")
        method, address, _ = lines[0].split(" ", 2)
        fields = {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in lines[1:])}
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
        return clip_of(self._folder / Path(address.partition("?")[0].rstrip("/")).name)

    async def _play(self, clip: Clip) -> None:
        """A picture after the other, each in its time."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with suppress(ConnectionError):
            for number in itertools.count():
                self._writer.write(clip.sent(self._begins % len(clip.pictures) + number))
                await self._writer.drain()
                await asyncio.sleep(max(0.0, begun + (number + 1) / clip.rate - loop.time()))


async def _serve(folder: Path, port: int) -> None:
    clients = itertools.count()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(folder, APART * next(clients), reader, writer).serve()

    server = await asyncio.start_server(one, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
