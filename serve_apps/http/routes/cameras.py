"""`/api/cameras`: health of cameras, for operators: no address, no credential, no counts."""

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import Field

from cluster.calibration.drift import Drift
from cluster.errors import NotFound
from cluster.runtime.redaction import redact_credentials
from cluster.security.roles import Role
from cluster.streams.source.state import StreamReason, StreamState
from serve_apps.clients.types import CameraStatus, JournalStatus
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, CameraPath, Page, Utc, example_response
from serve_apps.http.schemas.paging import PagingQuery, paginate

router = APIRouter(
    prefix="/api/cameras",
    tags=["cameras"],
    dependencies=[require_roles(Role.OPERATOR)],
    responses=ERRORS,
)


class CameraBody(Body):
    """A camera and its stream."""

    camera_id: str = Field(description="The camera's id.")
    room_id: str = Field(description="The room's id.")
    school_id: str = Field(description="The school's id.")
    state: StreamState = Field(description="State of the stream.")
    reason: StreamReason = Field(
        description="Why it is in this state; stable, programs may match on it."
    )
    since: Utc = Field(description="When it entered this state.")
    detail: str = Field(description="For people.")
    reader_id: str | None = Field(description="Id of the reader actor.")
    node: str | None = Field(description="Host name of the reader's machine.")
    reconnects: int = Field(description="Number of attempts to open it again.")
    frames_read: int = Field(description="Frames passed on for analysis.")
    frames_decoded: int = Field(description="Frames decoded.")
    frames_late: int = Field(description="Frames dropped because they waited too long.")
    frames_dropped: int = Field(
        description="Frames dropped because the model was busy or unavailable."
    )
    delivered_rate: float = Field(description="Measured frames per second.")
    declared_rate: float | None = Field(description="Frames per second that the stream declares.")
    rate_is_off: bool = Field(description="Whether the two differ widely.")
    frozen: bool = Field(description="Whether the frame has not changed for too long.")
    width: int = Field(description="Width of a frame in pixels; 0 before the first.")
    height: int = Field(description="Height of a frame in pixels; 0 before the first.")
    codec: str = Field(description="FFmpeg's name of the codec.")
    last_frame_seconds: float | None = Field(description="Time since the last frame.")
    latency_p95_seconds: float | None = Field(
        description="From frame to count, over the last half minute."
    )
    drift: Drift = Field(
        description="`covered`: the picture shows nothing, or a large part of it does not; "
        "`moved`: another part of the room than at first; `seats_moved`: people sit elsewhere; "
        "else `none`."
    )
    drift_since: Utc | None = Field(description="Since when; null for `none`.")
    drift_advice: str = Field(description="What to do, for people; empty for `none`.")


class JournalBody(Body):
    """The state of the journal of finished windows."""

    waiting: int = Field(description="Number of windows that are not in the lake yet.")
    oldest_waiting: Utc | None = Field(
        description="Start of the oldest of them; null if there is none."
    )
    problem: str = Field(description="Why they cannot be written; empty if nothing is wrong.")


class CamerasBody(Page):
    """All cameras, by id."""

    cameras: list[CameraBody] = Field(description="Health of each camera.")
    journal: JournalBody = Field(description="State of the journal of finished windows.")


CAMERA_EXAMPLE: Final[dict[str, Any]] = {
    "camera_id": "cam-12",
    "room_id": "room-12",
    "school_id": "hill",
    "state": "live",
    "reason": "pictures_arrive",
    "since": "2026-03-02T07:58:03Z",
    "detail": "",
    "reader_id": "reader-2",
    "node": "gpu-1",
    "reconnects": 0,
    "frames_read": 9120,
    "frames_decoded": 114000,
    "frames_late": 3,
    "frames_dropped": 0,
    "delivered_rate": 25.0,
    "declared_rate": 25.0,
    "rate_is_off": False,
    "frozen": False,
    "width": 1920,
    "height": 1080,
    "codec": "h264",
    "last_frame_seconds": 0.04,
    "latency_p95_seconds": 0.42,
    "drift": "moved",
    "drift_since": "2026-03-02T08:10:00Z",
    "drift_advice": Drift.MOVED.advice,
}
JOURNAL_EXAMPLE: Final[dict[str, Any]] = {
    "waiting": 12,
    "oldest_waiting": "2026-03-02T09:14:00Z",
    "problem": "",
}


@router.get(
    "",
    summary="Cameras and their streams",
    operation_id="list_cameras",
    responses=example_response(
        CamerasBody,
        {"cameras": [CAMERA_EXAMPLE], "journal": JOURNAL_EXAMPLE, "next": None},
        "All live cameras.",
    ),
)
async def list_cameras(request: Request, paging: PagingQuery) -> CamerasBody:
    """List the health of cameras, and whether finished windows reach the lake."""
    rooms = backend_of(request).rooms
    cameras = await rooms.cameras()
    page, following = paginate(cameras, lambda one: one.health.camera_id, paging)
    journal = _journal(await rooms.journal_status())
    return CamerasBody(cameras=[_body(one) for one in page], journal=journal, next=following)


@router.get(
    "/{camera_id}",
    summary="One camera",
    operation_id="show_camera",
    responses=example_response(CameraBody, CAMERA_EXAMPLE, "Its health."),
)
async def show_camera(request: Request, camera_id: CameraPath) -> CameraBody:
    """Show the health of one camera."""
    for one in await backend_of(request).rooms.cameras():
        if one.health.camera_id == camera_id:
            return _body(one)
    raise NotFound(f"there is no live camera {camera_id!r}.")


def _body(status: CameraStatus) -> CameraBody:
    rest = asdict(status)
    health = rest.pop("health")
    metrics = health.pop("metrics")
    del rest["drift"]
    drift = {
        "drift": status.drift.kind,
        "drift_since": status.drift.since,
        "drift_advice": status.drift.kind.advice,
    }
    detail = redact_credentials(health["detail"])
    return CameraBody.model_validate({**health, **metrics, **rest, **drift, "detail": detail})


def _journal(status: JournalStatus) -> JournalBody:
    return JournalBody(
        waiting=status.waiting,
        oldest_waiting=status.oldest_waiting,
        problem=redact_credentials(status.problem),
    )
