"""Why a camera's connection ended, out of what FFmpeg says.

No word of FFmpeg's that may hold the address is passed on, and what is passed on goes through
`redact_credentials`.
"""

from dataclasses import dataclass
from typing import Final

import av

from cluster.runtime.redaction import redact_credentials
from cluster.streams.source.address import CameraAddress
from cluster.streams.source.state import StreamReason

TIMEOUT_SHARE = 0.9
"""A wait that took this share of its limit was ended by the limit: FFmpeg's errors do not say."""


@dataclass(frozen=True, slots=True)
class StreamFailure:
    """Why there is no connection.

    Attributes:
        reason: For machines.
        detail: For people; free of credentials.
    """

    reason: StreamReason
    detail: str


_OPEN_FAILURES: Final[tuple[tuple[type[av.FFmpegError], StreamReason, str], ...]] = (
    (av.HTTPUnauthorizedError, StreamReason.WRONG_CREDENTIALS, "refuses user and password"),
    (av.HTTPForbiddenError, StreamReason.WRONG_CREDENTIALS, "does not allow this user to see it"),
    (av.HTTPNotFoundError, StreamReason.NOT_FOUND, "has no such stream"),
    (av.FileNotFoundError, StreamReason.NOT_FOUND, "does not exist"),
    (av.PermissionError, StreamReason.REFUSED, "may not be read by this process"),
    (av.ConnectionRefusedError, StreamReason.REFUSED, "refuses the connection"),
    (av.InvalidDataError, StreamReason.NOT_A_VIDEO, "sends nothing that is a video"),
    (av.EOFError, StreamReason.NOT_A_VIDEO, "ends before there is a picture"),
    (av.TimeoutError, StreamReason.OPEN_TIMED_OUT, "does not answer"),
)


def open_failure(
    error: av.FFmpegError, address: CameraAddress, *, timed_out: bool
) -> StreamFailure:
    """Why it could not be opened.

    Args:
        error: What FFmpeg said.
        address: Where.
        timed_out: Whether it took so long that the limit must have ended it.
    """
    if timed_out or isinstance(error, av.ExitError):
        return StreamFailure(
            StreamReason.OPEN_TIMED_OUT,
            f"{address.display_name} does not answer in time, or not to the end.",
        )
    for kind, reason, words in _OPEN_FAILURES:
        if isinstance(error, kind):
            return StreamFailure(reason, f"{address.display_name} {words}.")
    return StreamFailure(
        StreamReason.REFUSED,
        f"{address.display_name} cannot be opened: {_redacted_message(error)}.",
    )


def read_failure(
    error: av.FFmpegError, address: CameraAddress, *, timed_out: bool
) -> StreamFailure:
    """Why an open connection ended; the arguments are those of `open_failure`."""
    if timed_out or isinstance(error, av.ExitError | av.TimeoutError):
        return stalled_failure(address)
    return StreamFailure(
        StreamReason.CONNECTION_LOST,
        f"the connection to {address.display_name} broke: {_redacted_message(error)}.",
    )


def unknown_host_failure(address: CameraAddress) -> StreamFailure:
    """Its name cannot be looked up."""
    return StreamFailure(
        StreamReason.NOT_FOUND, f"no address is known for the name {address.host}."
    )


def no_video_failure(address: CameraAddress) -> StreamFailure:
    """What was opened holds no video stream."""
    return StreamFailure(StreamReason.NOT_A_VIDEO, f"{address.display_name} sends no video.")


def undecodable_failure(address: CameraAddress) -> StreamFailure:
    """Packets come, and no picture comes out of them."""
    return StreamFailure(
        StreamReason.NO_PICTURE, f"{address.display_name} sends pictures that cannot be decoded."
    )


def stalled_failure(address: CameraAddress) -> StreamFailure:
    """The connection is there, and nothing comes."""
    return StreamFailure(StreamReason.NO_PICTURE, f"{address.display_name} has stopped sending.")


def ended_failure(address: CameraAddress) -> StreamFailure:
    """The other end closed the connection."""
    return StreamFailure(StreamReason.ENDED, f"{address.display_name} has ended the stream.")


def _redacted_message(error: av.FFmpegError) -> str:
    return redact_credentials(error.strerror or "no reason given")
