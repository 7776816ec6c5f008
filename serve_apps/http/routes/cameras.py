"""`/api/cameras`: how cameras do, for operators: no address, no credential, nothing of a room."""

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import Field

from cluster.errors import NotFound
from cluster.runtime.redaction import redact_credentials
from cluster.security.roles import Role
from cluster.streams.source.state import StreamReason, StreamState
from serve_apps.clients.types import CameraStatus, JournalStatus
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, CameraPath, Page, Utc, example_response
from serve_apps.http.schemas.paging import Pages, page_of

router = APIRouter(
    prefix="/api/cameras",
    tags=["cameras"],
    dependencies=[require_roles(Role.OPERATOR)],
    responses=ERRORS,
)


class CameraBody(Body):
    """A camera and its stream."""

    camera_id: str = Field(description="Which camera.")
    room_id: str = Field(description="Its room.")
    school_id: str = Field(description="Its school.")
    state: StreamState = Field(description="Where its stream is.")
    reason: StreamReason = Field(description="Why it is there; programs may match on it.")
    since: Utc = Field(description="Since when.")
    detail: str = Field(description="For people.")
    reader_id: str | None = Field(description="The reader that hosts it.")
    node: str | None = Field(description="Host name of the reader's machine.")
    reconnects: int = Field(description="Attempts to open it anew.")
    frames_read: int = Field(description="Pictures that were given on for analysis.")
    frames_decoded: int = Field(description="Pictures that were decoded.")
    frames_late: int = Field(description="Dropped since they waited too long.")
    frames_dropped: int = Field(description="Dropped since the model was busy or away.")
    delivered_rate: float = Field(description="Pictures a second that it sends, measured.")
    declared_rate: float | None = Field(description="What it says of itself.")
    rate_is_off: bool = Field(description="The two lie far apart.")
    frozen: bool = Field(description="The picture has stayed the same too long.")
    width: int = Field(description="Of its picture, pixels; 0 before the first.")
    height: int = Field(description="Likewise.")
    codec: str = Field(description="FFmpeg's name of it.")
    last_frame_seconds: float | None = Field(description="Since the last picture.")
    latency_p95_seconds: float | None = Field(
        description="From picture to number, over the last half minute."
    )


class JournalBody(Body):
    """Where finished windows are."""

    waiting: int = Field(description="Windows that are not in the lake yet.")
    oldest_waiting: Utc | None = Field(description="Start of the oldest of them.")
    problem: str = Field(description="What stands in the way; empty where nothing does.")


class CamerasBody(Page):
    """All cameras, by id."""

    cameras: list[CameraBody] = Field(description="How each does.")
    journal: JournalBody = Field(description="Where finished windows are.")


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
        "All cameras that are read live.",
    ),
)
async def list_cameras(request: Request, paging: Pages) -> CamerasBody:
    """How cameras do, and whether finished windows reach the lake."""
    rooms = backend_of(request).rooms
    cameras = await rooms.cameras()
    page, following = page_of(cameras, lambda one: one.health.camera_id, paging)
    journal = _journal(await rooms.journal_status())
    return CamerasBody(cameras=[_body(one) for one in page], journal=journal, next=following)


@router.get(
    "/{camera_id}",
    summary="One camera",
    operation_id="show_camera",
    responses=example_response(CameraBody, CAMERA_EXAMPLE, "How it does."),
)
async def show_camera(request: Request, camera_id: CameraPath) -> CameraBody:
    """How one camera does."""
    for one in await backend_of(request).rooms.cameras():
        if one.health.camera_id == camera_id:
            return _body(one)
    raise NotFound(f"there is no camera {camera_id!r} that is read live.")


def _body(told: CameraStatus) -> CameraBody:
    around = asdict(told)
    health = around.pop("health")
    metrics = health.pop("metrics")
    detail = redact_credentials(health["detail"])
    return CameraBody.model_validate({**health, **metrics, **around, "detail": detail})


def _journal(told: JournalStatus) -> JournalBody:
    return JournalBody(
        waiting=told.waiting,
        oldest_waiting=told.oldest_waiting,
        problem=redact_credentials(told.problem),
    )
