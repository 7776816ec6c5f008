"""The sockets of a camera's connection, and how to shut them down from another thread.

FFmpeg opens its sockets by itself and blocks in them. To abort that from outside, they must be
found: the sockets of this process that lead to the camera, that did not exist before, and that no
other camera has claimed. Shutting a socket down wakes the thread that blocks in it.
"""

import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

Peer = tuple[str, int]
"""IP address and port."""


@dataclass(frozen=True, slots=True)
class OwnSocket:
    """A socket of this process.

    Attributes:
        descriptor: Its file descriptor, which another socket may reuse after it is closed.
        inode: Distinguishes the two.
    """

    descriptor: int
    inode: int


def resolve_peers(host: str, port: int) -> frozenset[Peer]:
    """Return the addresses (IP, port) of a host.

    Raises:
        OSError: The name cannot be resolved.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return frozenset((str(address[0]), port) for *_, address in infos)


class SocketTracker:
    """Tracks the sockets of one connection. Create it before the connection is opened.

    Args:
        peers: The camera's addresses; none for files and devices.
    """

    _all: "set[SocketTracker]" = set()  # noqa: RUF012 (shared by all on purpose)
    _lock = threading.Lock()

    def __init__(self, peers: Iterable[Peer]) -> None:
        self._peers = frozenset(peers)
        self.claimed: frozenset[OwnSocket] = frozenset()
        self._existing = _sockets_to(self._peers)
        with self._lock:
            self._all.add(self)

    @classmethod
    def count(cls) -> int:
        """Return how many trackers of this process are not released."""
        return len(cls._all)

    def claim(self) -> None:
        """Claim the socket of a connection that was opened, unless several could be it."""
        with self._lock:
            found = self._candidates()
            if len(found) == 1:
                self.claimed = found

    def shut_down(self) -> int:
        """Shut the sockets down; returns how many.

        Until one is claimed, this may hit sockets of other cameras at the same address that are
        being opened; those connect again.
        """
        with self._lock:
            found = self.claimed or self._candidates()
        return sum(_shut_down(own) for own in found)

    def release(self) -> None:
        """Stop tracking, after the connection is closed."""
        with self._lock:
            self._all.discard(self)

    def _candidates(self) -> frozenset[OwnSocket]:
        others = frozenset().union(*(other.claimed for other in self._all if other is not self))
        return _sockets_to(self._peers) - self._existing - others


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
            except OSError:  # closed since it was listed
                continue
    return frozenset(found)


def _shut_down(own: OwnSocket) -> bool:
    try:
        copy = os.dup(own.descriptor)
    except OSError:
        return False  # closed since it was found
    with socket.socket(fileno=copy) as duplicate:
        try:
            if os.fstat(copy).st_ino != own.inode:
                return False  # the descriptor was reused
            duplicate.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False  # not connected any more
    return True
