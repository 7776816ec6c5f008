"""Runs a command in a network of its own, where it meets no port of another.

    python -m tests.own_network pytest -m ray tests/jobs

Each Ray listens on port 52365 of its machine, and does without where another has it; then it takes
no jobs. The network has a loopback device alone: pages in Chromium are offline there. Only
root may make one on Linux; where that is not possible, the exit status is 77 and the command does
not run.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys

NOT_POSSIBLE = 77
NEW_HOST_NAME, NEW_NETWORK = 0x04000000, 0x40000000
SET_FLAGS, UP = 0x8914, 1
"""SIOCSIFFLAGS and IFF_UP of netdevice(7)."""


def enter_own_network() -> None:
    """Move this process into a network of its own.

    Raises:
        OSError: It is not allowed, or this is not Linux.
    """
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if unshare(NEW_HOST_NAME | NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    # Without another address, Ray looks up that of the host's name.
    socket.sethostname("localhost")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14s", b"lo", UP, b""))


def main(command: list[str]) -> None:
    try:
        enter_own_network()
    except OSError as error:
        print(f"no network of its own: {error.strerror}", file=sys.stderr)  # noqa: T201
        raise SystemExit(NOT_POSSIBLE) from None
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
