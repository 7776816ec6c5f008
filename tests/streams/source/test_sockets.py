"""The sockets of a camera are found and shut down, and no others."""

import socket
from collections.abc import Iterator

import pytest

from cluster.streams.source.sockets import Peer, SocketTracker, resolve_peers


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A listening socket; connections wait in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def peer(server: socket.socket) -> Peer:
    return "127.0.0.1", int(server.getsockname()[1])


def is_shut_down(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_only_the_socket_that_was_claimed_is_shut_down(server: socket.socket) -> None:
    with socket.create_connection(peer(server)) as before:
        tracker = SocketTracker([peer(server)])
        with socket.create_connection(peer(server)) as own:
            tracker.claim()
            with socket.create_connection(peer(server)) as after:
                assert tracker.shut_down() == 1
                assert [is_shut_down(one) for one in (before, own, after)] == [False, True, False]
        tracker.release()


def test_a_connection_that_is_being_opened_is_shut_down(server: socket.socket) -> None:
    tracker = SocketTracker([peer(server)])
    with socket.create_connection(peer(server)) as own:
        assert tracker.shut_down() == 1
        assert is_shut_down(own)
    tracker.release()


def test_a_socket_that_another_camera_claimed_is_not_shut_down(server: socket.socket) -> None:
    """Many channels of one recorder have the same address."""
    first, second = SocketTracker([peer(server)]), SocketTracker([peer(server)])
    with socket.create_connection(peer(server)) as other:
        first.claim()
        with socket.create_connection(peer(server)) as own:
            assert second.shut_down() == 1
            assert [is_shut_down(one) for one in (other, own)] == [False, True]
    first.release()
    second.release()


def test_a_reused_descriptor_is_not_shut_down(server: socket.socket) -> None:
    tracker = SocketTracker([peer(server)])
    with socket.create_connection(peer(server)):
        tracker.claim()
    with socket.create_connection(peer(server)) as reuses_the_descriptor:
        assert tracker.shut_down() == 0
        assert not is_shut_down(reuses_the_descriptor)
    tracker.release()


def test_connections_to_other_peers_are_not_shut_down(server: socket.socket) -> None:
    tracker = SocketTracker([("127.0.0.1", 1)])
    with socket.create_connection(peer(server)) as other:
        assert tracker.shut_down() == 0
        assert not is_shut_down(other)
    tracker.release()


def test_a_host_is_resolved_and_an_unknown_one_raises() -> None:
    assert resolve_peers("127.0.0.1", 554) == {("127.0.0.1", 554)}
    assert ("127.0.0.1", 8554) in resolve_peers("localhost", 8554)
    with pytest.raises(OSError, match=r".+"):
        resolve_peers("camera.invalid", 554)
