"""FFmpeg's errors become reasons and messages without credentials."""

import errno

import av
import pytest
from pydantic import SecretStr

from cluster.streams.source.address import parse_address
from cluster.streams.source.errors import open_failure, read_failure
from cluster.streams.source.state import StreamReason

ADDRESS = parse_address(SecretStr("rtsp://viewer:hunter2@cam.example/1"))
TARGET = ADDRESS.target.get_secret_value()


def error(kind: type[av.FFmpegError], message: str = "it broke") -> av.FFmpegError:
    return kind(errno.EIO, message, TARGET)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (av.HTTPUnauthorizedError, StreamReason.WRONG_CREDENTIALS),
        (av.HTTPForbiddenError, StreamReason.WRONG_CREDENTIALS),
        (av.HTTPNotFoundError, StreamReason.NOT_FOUND),
        (av.FileNotFoundError, StreamReason.NOT_FOUND),
        (av.PermissionError, StreamReason.REFUSED),
        (av.ConnectionRefusedError, StreamReason.REFUSED),
        (av.HTTPServerError, StreamReason.REFUSED),
        (av.InvalidDataError, StreamReason.NOT_A_VIDEO),
        (av.EOFError, StreamReason.NOT_A_VIDEO),
        (av.TimeoutError, StreamReason.OPEN_TIMED_OUT),
        (av.ExitError, StreamReason.OPEN_TIMED_OUT),
    ],
)
def test_an_open_that_failed_has_a_reason(kind: type[av.FFmpegError], reason: StreamReason) -> None:
    failure = open_failure(error(kind), ADDRESS, timed_out=False)
    assert failure.reason is reason
    assert "cam.example:554" in failure.detail
    assert "hunter2" not in failure.detail


def test_a_call_that_took_its_whole_timeout_has_timed_out_whatever_the_error() -> None:
    failure = open_failure(error(av.InvalidDataError), ADDRESS, timed_out=True)
    assert failure.reason is StreamReason.OPEN_TIMED_OUT
    failure = read_failure(error(av.InvalidDataError), ADDRESS, timed_out=True)
    assert failure.reason is StreamReason.NO_PICTURE


def test_a_connection_that_broke_is_lost() -> None:
    failure = read_failure(error(av.ConnectionResetError), ADDRESS, timed_out=False)
    assert failure.reason is StreamReason.CONNECTION_LOST


def test_credentials_in_ffmpegs_messages_are_redacted() -> None:
    for make_failure in (open_failure, read_failure):
        failure = make_failure(
            error(av.OSError, f"cannot reach {TARGET}"), ADDRESS, timed_out=False
        )
        assert "hunter2" not in failure.detail
        assert "rtsp://***@cam.example/1" in failure.detail
