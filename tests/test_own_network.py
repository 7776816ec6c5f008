"""Commands in networks of their own meet no port of each other."""

import subprocess
import sys

import pytest

from tests.own_network import NOT_POSSIBLE
from tests.ports import free_port

LISTEN = """
import socket, sys
print(socket.gethostname(), flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    with socket.create_connection(server.getsockname()):
        print("connected", flush=True)
    sys.stdin.read()
"""


def start(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.own_network", sys.executable, "-c", LISTEN, str(port)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_commands_may_listen_on_one_port_at_once() -> None:
    port = free_port()
    with start(port) as first, start(port) as second:
        for one in (first, second):
            assert one.stdin is not None
            assert one.stdout is not None
            if not (name := one.stdout.readline()) and one.wait() == NOT_POSSIBLE:
                pytest.skip("only root can make a network")
            assert name == "localhost\n"
            assert one.stdout.readline() == "connected\n"
        for one in (first, second):
            one.communicate("")
        assert (first.returncode, second.returncode) == (0, 0)
