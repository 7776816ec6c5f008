"""Why a camera's connection failed or ended, derived from FFmpeg's errors.

FFmpeg's messages may contain the address: what is passed on of them goes through
`redact_credentials`.
"""

from dataclasses import dataclass
from typing import Final

import av

from cluster.runtime.redaction import redact_credentials
from cluster.streams.source.address import CameraAddress
from cluster.streams.source.state import StreamReason

TIMEOUT_SHARE = 0.9
"""A call that took this share of its timeout was ended by it: FFmpeg's errors do not tell."""


@dataclass(frozen=True, slots=True)
class StreamFailure:
    """Why there is no connection.

    Attributes:
        reason: For programs.
        detail: For people; without credentials.
    """

    reason: StreamReason
    detail: str


_OPEN_FAILURES: Final[tuple[tuple[type[av.FFmpegError], StreamReason, str], ...]] = (
    (
        av.HTTPUnauthorizedError,
        StreamReason.WRONG_CREDENTIALS,
        "rejects the user name and the password",
    ),
    (av.HTTPForbiddenError, StreamReason.WRONG_CREDENTIALS, "denies this user access"),
    (av.HTTPNotFoundError, StreamReason.NOT_FOUND, "has no such stream"),
    (av.FileNotFoundError, StreamReason.NOT_FOUND, "does not exist"),
    (av.PermissionError, StreamReason.REFUSED, "may not be read by this process"),
    (av.ConnectionRefusedError, StreamReason.REFUSED, "refuses the connection"),
    (av.InvalidDataError, StreamReason.NOT_A_VIDEO, "sends no video that FFmpeg can read"),
    (av.EOFError, StreamReason.NOT_A_VIDEO, "ends before its first frame"),
    (av.TimeoutError, StreamReason.OPEN_TIMED_OUT, "does not answer"),
)


def open_failure(
    error: av.FFmpegError, address: CameraAddress, *, timed_out: bool
) -> StreamFailure:
    """Return why a stream could not be opened.

    Args:
        error: The error that FFmpeg raised.
        address: The camera's.
        timed_out: Whether the call took so long that its timeout must have ended it.
    """
    if timed_out or isinstance(error, av.ExitError):
        return StreamFailure(
            StreamReason.OPEN_TIMED_OUT, f"{address.display_name} did not answer in time."
        )
    for kind, reason, message in _OPEN_FAILURES:
        if isinstance(error, kind):
            return StreamFailure(reason, f"{address.display_name} {message}.")
    return StreamFailure(
        StreamReason.REFUSED,
        f"{address.display_name} cannot be opened: {_redacted_message(error)}.",
    )


def read_failure(
    error: av.FFmpegError, address: CameraAddress, *, timed_out: bool
) -> StreamFailure:
    """Return why an open connection ended; arguments as of `open_failure`."""
    if timed_out or isinstance(error, av.ExitError | av.TimeoutError):
        return stalled_failure(address)
    return StreamFailure(
        StreamReason.CONNECTION_LOST,
        f"the connection to {address.display_name} broke: {_redacted_message(error)}.",
    )


def unknown_host_failure(address: CameraAddress) -> StreamFailure:
    """Return the failure of a host whose name cannot be resolved."""
    return StreamFailure(
        StreamReason.NOT_FOUND, f"the host name {address.host} cannot be resolved."
    )


def no_video_failure(address: CameraAddress) -> StreamFailure:
    """Return the failure of a source without a video stream."""
    return StreamFailure(StreamReason.NOT_A_VIDEO, f"{address.display_name} sends no video.")


def undecodable_failure(address: CameraAddress) -> StreamFailure:
    """Return the failure of a stream whose packets give no frames."""
    return StreamFailure(
        StreamReason.NO_PICTURE, f"{address.display_name} sends video that cannot be decoded."
    )


def key_frame_awaited(address: CameraAddress, limit_seconds: float) -> StreamFailure:
    """Return what an open connection waits for that was joined between two key frames."""
    return StreamFailure(
        StreamReason.NO_KEY_FRAME,
        f"{address.display_name} sends video; its next key frame, before which nothing can be "
        f"decoded, is awaited for up to {limit_seconds:.0f} seconds.",
    )


def no_key_frame_failure(address: CameraAddress, limit_seconds: float) -> StreamFailure:
    """Return the failure of a stream whose next key frame has not come in time."""
    return StreamFailure(
        StreamReason.NO_KEY_FRAME,
        f"{address.display_name} has sent video without a key frame for {limit_seconds:.0f} "
        "seconds.",
    )


def stalled_failure(address: CameraAddress) -> StreamFailure:
    """Return the failure of a connection on which nothing arrives."""
    return StreamFailure(StreamReason.NO_PICTURE, f"{address.display_name} has stopped sending.")


def ended_failure(address: CameraAddress) -> StreamFailure:
    """Return the failure of a stream that the camera closed."""
    return StreamFailure(StreamReason.ENDED, f"{address.display_name} has ended the stream.")


def _redacted_message(error: av.FFmpegError) -> str:
    return redact_credentials(error.strerror or "no reason given")
