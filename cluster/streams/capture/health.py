"""State and measurements of a camera's stream, as readers report them."""

from dataclasses import dataclass, field
from datetime import datetime

from cluster.streams.source.state import StreamReason, StreamState


@dataclass(frozen=True, slots=True)
class StreamMetrics:
    """What is measured of a camera's stream.

    Attributes:
        frames_read: Frames that were delivered for analysis.
        frames_decoded: Frames that the decoder returned.
        delivered_rate: Frames a second that the camera sends, measured.
        declared_rate: Frames a second that the stream declares; None where it declares none.
        width: Of the upright picture, in pixels; 0 before the first frame.
        height: Likewise.
        codec: FFmpeg's name of it.
        frozen: Whether the picture has stayed the same for too long.
        rate_is_off: Whether the delivered rate is far from the declared one.
        last_frame_seconds: Seconds since the last frame; None before the first.
    """

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


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """The state of a camera's stream. Holds no address and no credentials.

    Attributes:
        camera_id: Id of the camera.
        state: State of its stream.
        reason: Why it is in this state.
        since: When it entered the state for this reason, UTC.
        detail: The reason as text for people, without credentials.
        reconnects: Attempts to open it again, since the reader has it.
        metrics: What is measured of its stream.
    """

    camera_id: str
    state: StreamState
    reason: StreamReason
    since: datetime
    detail: str = ""
    reconnects: int = 0
    metrics: StreamMetrics = field(default_factory=StreamMetrics)
