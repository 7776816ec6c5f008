"""A real RTSP server for tests that can be made to misbehave.

The tests of `streams` have it as a fixture:

    def test_...(rtsp):
        address = rtsp.serve(write_video(rtsp.folder / "room.mp4"))

It plays MP4 files over TCP in a loop, with `aio-rtsp-toolkit`; `python -m tests.rtsp FOLDER` does
the same in a process of its own, and prints its port.
"""

import asyncio
import base64
import logging
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aio_rtsp_toolkit.server import RtspServer as ToolkitServer
from aio_rtsp_toolkit.server_session import RtspServerSession

HOST = "127.0.0.1"
RTP_HEADER_BYTES = 12
FRAGMENT = 28
KEY_FRAME_UNITS = frozenset({5, 7, 8})
"""H.264's types of units: a picture that refers to no other, and the two parameter sets."""


def _is_of_key_frame(channel: int, packet: bytes) -> bool:
    """Whether an interleaved packet has a part of a key frame or a parameter set (RFC 6184)."""
    if channel % 2:
        return False  # RTCP
    unit = packet[RTP_HEADER_BYTES] & 0x1F
    if unit == FRAGMENT:
        unit = packet[RTP_HEADER_BYTES + 1] & 0x1F
    return unit in KEY_FRAME_UNITS


class _Session(RtspServerSession):  # type: ignore[misc]
    """One client's connection; requires a password where the server has one."""

    server: "_Server"

    async def _handle_describe(self, uri: str, req_headers: dict[str, str]) -> None:
        self.server.described += 1
        await asyncio.sleep(self.server.describe_seconds)
        wanted = self.server.user_info
        given = req_headers.get("authorization", "").partition(" ")[2]
        if wanted and given != base64.b64encode(wanted.encode()).decode():
            challenge = {"WWW-Authenticate": 'Basic realm="camera"'}
            await self._send_response(req_headers, 401, "Unauthorized", challenge)
            return
        await super()._handle_describe(uri, req_headers)

    async def _send_response(
        self, req_headers: dict[str, str], *arguments: Any, body: bytes = b"", **rest: Any
    ) -> None:
        if not self.server.announces_parameters:
            body = re.sub(rb"; sprop-parameter-sets=[^;\r\n]*", b"", body)
        await super()._send_response(req_headers, *arguments, body=body, **rest)

    async def _send_interleaved_frame(self, channel: int, payload: bytes) -> None:
        is_hidden = self.server.hides_key_frames and _is_of_key_frame(channel, payload)
        if not self.server.is_silent and not is_hidden:
            await super()._send_interleaved_frame(channel, payload)

    def abort(self) -> None:
        """Abort the connection without closing it, like a camera that loses power."""
        self.sock.writer.transport.abort()


class _Server(ToolkitServer):  # type: ignore[misc]
    """The toolkit's server, with its open sessions."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(str(folder), HOST, port)
        self.logger = logging.getLogger("tests.rtsp")
        self.user_info = ""
        self.is_silent = False
        self.hides_key_frames = False
        self.announces_parameters = True
        self.describe_seconds = 0.0
        self.described = 0
        self.sessions: set[_Session] = set()

    async def _handle_client(self, sock: Any) -> None:
        session = _Session(self, sock)
        self.sessions.add(session)
        with suppress(OSError, asyncio.CancelledError):
            await session.run()
        self.sessions.discard(session)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            await session.close()
        await super().close()


class RtspServer:
    """An RTSP server on a thread of its own.

    Args:
        folder: Folder of its files.
        port: Port that it listens on; 0 chooses a free one.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._server = _Server(folder, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rtsp server")

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()
        self._wait(self._server.start())
        self.port = self._server._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close all connections, and stop."""
        self._wait(self._server.close())
        self._wait(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def serve(self, file: Path, *, user_info: str = "", plays: int = 0) -> str:
        """Return the address of a file in its folder.

        Args:
            file: An MP4 with H.264 or HEVC.
            user_info: `user:password@` to write into the address.
            plays: Number of plays after which the server ends the stream; 0 for no end.
        """
        query = f"?play_count={plays}"
        return f"rtsp://{user_info}{HOST}:{self.port}/{file.name}{query}"

    def require_credentials(self, user_info: str) -> None:
        """Reject clients without this `user:password`."""
        self._server.user_info = user_info

    def answer_slowly(self, seconds: float) -> None:
        """Answer each DESCRIBE after this time."""
        self._server.describe_seconds = seconds

    def drop(self) -> None:
        """Abort all connections without closing them."""

        def abort() -> None:
            for session in list(self._server.sessions):
                session.abort()

        self._loop.call_soon_threadsafe(abort)

    def be_silent(self, silent: bool) -> None:
        """Keep connections open, and send no frames."""
        self._server.is_silent = silent

    def hide_key_frames(self, hidden: bool, *, announces_parameters: bool = True) -> None:
        """Send all but H.264's key frames and parameter sets, as if the next one were far away.

        Args:
            hidden: Whether to do so.
            announces_parameters: Whether the SDP has the parameter sets.
        """
        self._server.hides_key_frames = hidden
        self._server.announces_parameters = announces_parameters

    @property
    def clients(self) -> int:
        """Number of open connections."""
        return len(self._server.sessions)

    @property
    def described(self) -> int:
        """How often a stream was requested."""
        return self._server.described

    async def _finish(self) -> None:
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    def _wait(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a TCP server that passes each connection to a function; yields its port.

    Args:
        answer: Called on a thread for each connection, which is closed when the server is.
    """
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with suppress(OSError):
            answer(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    with socket.create_server((HOST, 0)) as server:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for connection in connections:
                connection.close()


if __name__ == "__main__":
    standalone = RtspServer(Path(sys.argv[1]))
    standalone.start()
    sys.stdout.write(f"{standalone.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    standalone.stop()
