"""`/api/analyse`: one picture in, counts out, under the same rule as everything else.

    picture -> decoded, shrunken (thread) -> pose model -> people -> counts -> suppression -> answer

One picture does not tell what lasts, and an activity is what lasts. It is taken as a scene that
stands still: looked at for as long as the slowest activity needs. So hands, heads and standing are
what they look like; looking down is reading, since no hand moves. Nothing is stored, and no box and
no keypoint leaves the service.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import Field

from cluster.activity.durations import MEMORY_SECONDS
from cluster.activity.room import AnalysedFrame, RoomCounter
from cluster.activity.suppression import ActivityWindow, published_window
from cluster.activity.windows import WindowCounts
from cluster.errors import ServiceBusy
from cluster.security.roles import Role
from cluster.vision.people import People
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, example_response
from serve_apps.http.schemas.rooms import ROOM_EXAMPLE, Shares, shares_of
from serve_apps.http.services.image_decoding import decoded

MEDIA_TYPES: Final = ("image/jpeg", "image/png")
AT_ONCE: Final = 2
"""Pictures in memory at a time: one may take 120 MB."""
MOST_WAITING: Final = 8
RATE: Final = 2.0

router = APIRouter(
    prefix="/api",
    tags=["analyse"],
    dependencies=[require_roles(Role.OPERATOR, Role.SCHOOL_LEADER)],
    responses=ERRORS,
)


class InputSize(IntEnum):
    """Longer side, in pixels, at which a picture is looked at."""

    USUAL = 640
    LARGER = 960
    LARGEST = 1280


class CountsBody(Body):
    """What may be told of a picture."""

    people: int = Field(description="People in it.")
    suppressed: bool = Field(description="Too few people for anything but their number.")
    shares: Shares | None = Field(description="Null where withheld.")


_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/analyse",
    summary="Count one picture",
    operation_id="analyse_picture",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "One picture, of at most 40 million pixels.",
            "content": {
                media_type: {**_BINARY, "example": "(the bytes of the picture)"}
                for media_type in MEDIA_TYPES
            },
        }
    },
    responses={
        **example_response(
            CountsBody,
            {"people": 24, "suppressed": False, "shares": ROOM_EXAMPLE["shares"]},
            "Counts of the picture.",
        ),
        415: {**ERRORS[422], "description": "It is no JPEG and no PNG picture by its type."},
    },
)
async def analyse_picture(
    request: Request,
    input_size: Annotated[
        InputSize,
        Query(description="Longer side, in pixels, at which it is looked at."),
    ] = InputSize.USUAL,
) -> CountsBody:
    """How many people are in a picture, and what they do, where they are enough to tell."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise HTTPException(415, f"send {' or '.join(MEDIA_TYPES)}.")
    backend = backend_of(request)
    limiter: CapacityLimiter = request.app.state.decoding
    content = await request.body()
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise ServiceBusy("too many pictures wait.", hint="Ask again in a moment.")
    pixels = await to_thread.run_sync(decoded, content, input_size, limiter=limiter)
    del content
    (people,) = await backend.pose.find([pixels], input_size)
    height, width = pixels.shape[:2]
    k, now = backend.settings.privacy.k, backend.identity.clock()
    window = await to_thread.run_sync(_counted, people, (width, height), now, k)
    return CountsBody(
        people=window.people_max, suppressed=window.suppressed, shares=shares_of(window)
    )


def _counted(
    people: People, frame_size: tuple[int, int], moment: datetime, k: int
) -> ActivityWindow:
    """The window of one frame, behind a scene that stood still."""
    counter = RoomCounter(RATE)
    step = timedelta(seconds=1 / RATE)
    steps = round(MEMORY_SECONDS * RATE)
    counts = [
        counter.update(AnalysedFrame(moment + number * step, people, frame_size))
        for number in range(steps + 1)
    ]
    return published_window(WindowCounts(moment, counts[-1:]), k=k, headcount_only=False)
