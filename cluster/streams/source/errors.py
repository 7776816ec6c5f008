"""Why a camera's connection ended, out of what FFmpeg says.

No word of FFmpeg's that may hold the address is passed on, and what is passed on goes through
`redact_credentials`.
"""

from dataclasses import dataclass
from typing import Final

import av

from cluster.runtime.redaction import redact_credentials
from cluster.streams.source.address import CameraAddress
from cluster.streams.source.state import Reason

NEARLY = 0.9
"""A wait that took this share of its limit was ended by the limit: FFmpeg's errors do not say."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection.

    Attributes:
        reason: For machines.
        detail: For people; free of credentials.
    """

    reason: Reason
    detail: str


_OPENING: Final[tuple[tuple[type[av.FFmpegError], Reason, str], ...]] = (
    (av.HTTPUnauthorizedError, Reason.WRONG_CREDENTIALS, "refuses user and password"),
    (av.HTTPForbiddenError, Reason.WRONG_CREDENTIALS, "does not allow this user to see it"),
    (av.HTTPNotFoundError, Reason.NOT_FOUND, "has no such stream"),
    (av.FileNotFoundError, Reason.NOT_FOUND, "does not exist"),
    (av.PermissionError, Reason.REFUSED, "may not be read by this process"),
    (av.ConnectionRefusedError, Reason.REFUSED, "refuses the connection"),
    (av.InvalidDataError, Reason.NOT_A_VIDEO, "sends nothing that is a video"),
    (av.EOFError, Reason.NOT_A_VIDEO, "ends before there is a picture"),
    (av.TimeoutError, Reason.OPEN_TIMED_OUT, "does not answer"),
)


def open_failure(error: av.FFmpegError, address: CameraAddress, *, timed_out: bool) -> Failure:
    """Why it could not be opened.

    Args:
        error: What FFmpeg said.
        address: Where.
        timed_out: Whether it took so long that the limit must have ended it.
    """
    if timed_out or isinstance(error, av.ExitError):
        return Failure(
            Reason.OPEN_TIMED_OUT,
            f"{address.display_name} does not answer in time, or not to the end.",
        )
    for kind, reason, words in _OPENING:
        if isinstance(error, kind):
            return Failure(reason, f"{address.display_name} {words}.")
    return Failure(Reason.REFUSED, f"{address.display_name} cannot be opened: {_words(error)}.")


def read_failure(error: av.FFmpegError, address: CameraAddress, *, timed_out: bool) -> Failure:
    """Why an open connection ended; the arguments are those of `open_failure`."""
    if timed_out or isinstance(error, av.ExitError | av.TimeoutError):
        return stopped(address)
    return Failure(
        Reason.CONNECTION_LOST, f"the connection to {address.display_name} broke: {_words(error)}."
    )


def unknown_host(address: CameraAddress) -> Failure:
    """Its name cannot be looked up."""
    return Failure(Reason.NOT_FOUND, f"no address is known for the name {address.host}.")


def no_video(address: CameraAddress) -> Failure:
    """What was opened holds no video stream."""
    return Failure(Reason.NOT_A_VIDEO, f"{address.display_name} sends no video.")


def undecodable(address: CameraAddress) -> Failure:
    """Packets come, and no picture comes out of them."""
    return Failure(
        Reason.NO_PICTURE, f"{address.display_name} sends pictures that cannot be decoded."
    )


def stopped(address: CameraAddress) -> Failure:
    """The connection is there, and nothing comes."""
    return Failure(Reason.NO_PICTURE, f"{address.display_name} has stopped sending.")


def ended(address: CameraAddress) -> Failure:
    """The other end closed the connection."""
    return Failure(Reason.ENDED, f"{address.display_name} has ended the stream.")


def _words(error: av.FFmpegError) -> str:
    return redact_credentials(error.strerror or "no reason given")
