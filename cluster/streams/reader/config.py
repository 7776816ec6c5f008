"""What a reader is told of a camera, and what comes back from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from cluster.streams.source.state import Reason, StreamState
from cluster.vision.people import BgrImage

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """How to read one camera.

    Attributes:
        camera_id: Which.
        address: What is read for counting (the sub-stream, where there is one); credentials in it.
        full_address: What is read while faces may be cut; the same where there is no sub-stream.
        rate: Analysed pictures a second.
        long_side: Pixels of the shrunken frame's longer side.
        masks: Polygons to blacken, corners from 0 to 1.
        decode: What is decoded.
        open_seconds: An open that takes longer is ended.
        stall_seconds: Without a picture for so long, the camera is opened anew.
        frozen_seconds: A picture that stays the same so long is reported.
        longest_pause_seconds: Longest pause between two attempts to reconnect.
    """

    camera_id: str
    address: SecretStr
    full_address: SecretStr
    rate: float = 2.0
    long_side: int = 640
    masks: tuple[Polygon, ...] = ()
    decode: Literal["all", "key_frames"] = "all"
    open_seconds: float = 10.0
    stall_seconds: float = 10.0
    frozen_seconds: float = 60.0
    longest_pause_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A picture of a camera, shrunken.

    Attributes:
        camera_id: Of which camera.
        taken_at: `time.monotonic()` of its arrival, in seconds.
        pixels: (height, width, 3) uint8 BGR, upright, masks blackened.
        full: The same picture at full size, only while faces may be cut; stays in the process.
    """

    camera_id: str
    taken_at: float
    pixels: BgrImage
    full: BgrImage | None = None


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """How a camera does. No address, no credential.

    Attributes:
        camera_id: Which.
        state: Of its stream.
        reason: Why it is in this state.
        since: UTC.
        detail: For people; free of credentials.
        reconnects: Attempts to open it anew, since the reader has it.
        frames_read: Pictures that were given on for analysis.
        frames_decoded: Pictures that went through the decoder.
        delivered_rate: Pictures a second that the camera sends, measured.
        declared_rate: What it says of itself; None where it says nothing.
        width: Of its picture, upright; 0 before the first.
        height: Likewise.
        codec: FFmpeg's name of it.
        frozen: The picture has stayed the same too long.
        rate_is_off: The delivered rate is far from the declared one.
        last_frame_seconds: Since the last picture; None before the first.
    """

    camera_id: str
    state: StreamState
    reason: Reason
    since: datetime
    detail: str = ""
    reconnects: int = 0
    frames_read: int = 0
    frames_decoded: int = 0
    delivered_rate: float = 0.0
    declared_rate: float | None = None
    width: int = 0
    height: int = 0
    codec: str = ""
    frozen: bool = False
    rate_is_off: bool = False
    last_frame_seconds: float | None = None
