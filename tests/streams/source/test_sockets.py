"""A camera's own sockets are found and cut, and nobody else's."""

import socket
from collections.abc import Iterator

import pytest

from cluster.streams.source.sockets import Peer, SocketTracker, resolve_peers


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Something that listens; connections wait in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def peer(server: socket.socket) -> Peer:
    return "127.0.0.1", int(server.getsockname()[1])


def is_cut(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_only_the_socket_that_came_after_the_claim_is_cut(server: socket.socket) -> None:
    with socket.create_connection(peer(server)) as before:
        claim = SocketTracker([peer(server)])
        with socket.create_connection(peer(server)) as ours:
            claim.settle()
            with socket.create_connection(peer(server)) as after:
                assert claim.cut() == 1
                assert [is_cut(one) for one in (before, ours, after)] == [False, True, False]
        claim.release()


def test_a_connection_that_is_still_being_opened_is_cut_too(server: socket.socket) -> None:
    claim = SocketTracker([peer(server)])
    with socket.create_connection(peer(server)) as ours:
        assert claim.cut() == 1
        assert is_cut(ours)
    claim.release()


def test_what_another_camera_has_claimed_is_left_alone(server: socket.socket) -> None:
    """Many channels of one recorder have the same address."""
    first, second = SocketTracker([peer(server)]), SocketTracker([peer(server)])
    with socket.create_connection(peer(server)) as theirs:
        first.settle()
        with socket.create_connection(peer(server)) as ours:
            assert second.cut() == 1
            assert [is_cut(one) for one in (theirs, ours)] == [False, True]
    first.release()
    second.release()


def test_a_socket_that_is_gone_is_nobody_elses(server: socket.socket) -> None:
    claim = SocketTracker([peer(server)])
    with socket.create_connection(peer(server)):
        claim.settle()
    with socket.create_connection(peer(server)) as reuses_the_number:
        assert claim.cut() == 0
        assert not is_cut(reuses_the_number)
    claim.release()


def test_connections_to_others_are_not_touched(server: socket.socket) -> None:
    claim = SocketTracker([("127.0.0.1", 1)])
    with socket.create_connection(peer(server)) as other:
        assert claim.cut() == 0
        assert not is_cut(other)
    claim.release()


def test_a_host_has_addresses_and_an_unknown_one_has_none() -> None:
    assert resolve_peers("127.0.0.1", 554) == {("127.0.0.1", 554)}
    assert ("127.0.0.1", 8554) in resolve_peers("localhost", 8554)
    with pytest.raises(OSError, match=r".+"):
        resolve_peers("camera.invalid", 554)
