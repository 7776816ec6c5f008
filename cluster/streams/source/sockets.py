"""The sockets of a camera's connection, and how to cut them from another thread.

FFmpeg opens its sockets by itself and blocks in them. Whoever wants to end that from outside must
find them: those of this process whose other end is the camera, that were not there before, and
that no other camera has claimed. Shutting a socket down wakes whoever waits in it.
"""

import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class OwnSocket:
    """A socket of this process.

    Attributes:
        descriptor: Its number, which may be another's a moment later.
        inode: What tells the two apart.
    """

    descriptor: int
    inode: int


def resolve_peers(host: str, port: int) -> frozenset[Peer]:
    """The addresses (IP, port) that a host has.

    Raises:
        OSError: The name is not known, or the name server does not answer.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return frozenset((str(address[0]), port) for *_, address in found)


class SocketTracker:
    """The sockets of one connection. Make it before the connection is opened.

    Args:
        peers: The camera's addresses; none for files and devices.
    """

    _all: "set[SocketTracker]" = set()  # noqa: RUF012 (shared by all on purpose)
    _lock = threading.Lock()

    def __init__(self, peers: Iterable[Peer]) -> None:
        self._peers = frozenset(peers)
        self.claimed: frozenset[OwnSocket] = frozenset()
        self._before = _sockets_to(self._peers)
        with self._lock:
            self._all.add(self)

    @classmethod
    def known(cls) -> int:
        """How many there are, of all cameras of this process."""
        return len(cls._all)

    def settle(self) -> None:
        """The connection is open: claim its socket, if there is no doubt which it is."""
        with self._lock:
            found = self._candidates()
            if len(found) == 1:
                self.claimed = found

    def cut(self) -> int:
        """Shut the sockets down; gives how many.

        As long as none is claimed, those of cameras at the same address that are being opened
        just now may be hit too; they are opened again.
        """
        with self._lock:
            found = self.claimed or self._candidates()
        return sum(_shut_down(one) for one in found)

    def release(self) -> None:
        """The connection is closed."""
        with self._lock:
            self._all.discard(self)

    def _candidates(self) -> frozenset[OwnSocket]:
        others = frozenset().union(*(one.claimed for one in self._all if one is not self))
        return _sockets_to(self._peers) - self._before - others


def _sockets_to(peers: frozenset[Peer]) -> frozenset[OwnSocket]:
    if not peers:
        return frozenset()
    found = set()
    for connection in psutil.Process().net_connections("tcp"):
        if not connection.raddr or connection.fd < 0:
            continue
        ip, port = connection.raddr
        if (ip.removeprefix("::ffff:"), port) in peers:
            try:
                found.add(OwnSocket(connection.fd, os.fstat(connection.fd).st_ino))
            except OSError:  # closed in between
                continue
    return frozenset(found)


def _shut_down(own: OwnSocket) -> bool:
    try:
        copy = os.dup(own.descriptor)
    except OSError:
        return False  # closed in between
    with socket.socket(fileno=copy) as ours:
        try:
            if os.fstat(copy).st_ino != own.inode:
                return False  # another socket has the number now
            ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False  # not connected any more
    return True
