"""`/api/analyse`: count the people and activities of one image, with small-cell suppression (R3).

    image -> decode, shrink (thread) -> pose model -> people -> counts -> suppression -> response

Activities are defined over time, and one image has no duration. It is treated as a static scene
that lasts as long as the slowest activity needs. So raised hands, heads and standing are as they
appear, and nobody's hand moves. Nothing is stored, and no box and no keypoint leaves the service.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import Field

from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.durations import MEMORY_SECONDS
from cluster.activity.suppression import ActivityWindow, suppress_window
from cluster.activity.windows import WindowCounts
from cluster.errors import ServiceBusy
from cluster.security.roles import Role
from cluster.vision.image_decoding import decode_image
from cluster.vision.people import People
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, example_response
from serve_apps.http.schemas.rooms import ROOM_EXAMPLE, Shares, shares_of

MEDIA_TYPES: Final = ("image/jpeg", "image/png")
MAX_CONCURRENT_IMAGES: Final = 2
"""Images in memory at a time: one may take 120 MB."""
MAX_WAITING_IMAGES: Final = 8
FRAMES_PER_SECOND: Final = 2.0

router = APIRouter(
    prefix="/api",
    tags=["analyse"],
    dependencies=[require_roles(Role.OPERATOR, Role.SCHOOL_LEADER)],
    responses=ERRORS,
)


class InputSize(IntEnum):
    """Longer side of the pose model's input, in pixels."""

    SMALL = 640
    MEDIUM = 960
    LARGE = 1280


class ImageCountsBody(Body):
    """The counts of an image that may be published."""

    people: int = Field(description="Number of people.")
    suppressed: bool = Field(
        description="Whether there are too few people for more than a headcount."
    )
    shares: Shares | None = Field(description="Null if suppressed.")


_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/analyse",
    summary="Count one image",
    operation_id="analyse_picture",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "One image, of at most 40 million pixels.",
            "content": {
                media_type: {**_BINARY, "example": "(the bytes of the image)"}
                for media_type in MEDIA_TYPES
            },
        }
    },
    responses={
        **example_response(
            ImageCountsBody,
            {"people": 24, "suppressed": False, "shares": ROOM_EXAMPLE["shares"]},
            "Counts of the image.",
        ),
        415: {**ERRORS[422], "description": "The content type is neither JPEG nor PNG."},
    },
)
async def analyse_picture(
    request: Request,
    input_size: Annotated[
        InputSize,
        Query(description="Longer side of the pose model's input, in pixels."),
    ] = InputSize.SMALL,
) -> ImageCountsBody:
    """Return how many people are in an image and, if they are enough, shares of activities."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise HTTPException(415, f"send {' or '.join(MEDIA_TYPES)}.")
    backend = backend_of(request)
    limiter: CapacityLimiter = request.app.state.decoding_limiter
    content = await request.body()
    if limiter.statistics().tasks_waiting >= MAX_WAITING_IMAGES:
        raise ServiceBusy("too many images are waiting.", hint="Try again in a moment.")
    pixels = await to_thread.run_sync(decode_image, content, input_size, limiter=limiter)
    del content
    (people,) = await backend.pose.find([pixels], input_size)
    height, width = pixels.shape[:2]
    k, now = backend.settings.privacy.k, backend.audited.clock()
    window = await to_thread.run_sync(_count_activities, people, (width, height), now, k)
    return ImageCountsBody(
        people=window.people_max, suppressed=window.suppressed, shares=shares_of(window)
    )


def _count_activities(
    people: People, frame_size: tuple[int, int], time: datetime, k: int
) -> ActivityWindow:
    """Return the window of one frame, at the end of a static scene."""
    # Not at the top: the tracker takes a second to import.
    from cluster.activity.room import RoomCounter

    counter = RoomCounter(FRAMES_PER_SECOND)
    step = timedelta(seconds=1 / FRAMES_PER_SECOND)
    steps = round(MEMORY_SECONDS * FRAMES_PER_SECOND)
    counts = [
        counter.update(AnalysedFrame(time + number * step, people, frame_size))
        for number in range(steps + 1)
    ]
    return suppress_window(WindowCounts(time, counts[-1:]), k=k, headcount_only=False)
