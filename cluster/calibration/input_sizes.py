"""The input sizes of cameras that are `auto`, from what is measured of them.

frames at the largest allowed size -> people -> HeadSummary -> SizeMeasurement -> store
settings + stored measurements -> settings with numbers
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from cluster.calibration.store import Origin, SizeMeasurement
from cluster.settings import Camera, Settings
from cluster.settings.tables import FixedInputSize
from cluster.vision.pose.input_size import HeadSummary, choose_input_size

MIN_PEOPLE: Final = 3
"""A frame with fewer people is not measured: a teacher alone does not stand for a class."""


def auto_cameras(settings: Settings) -> list[Camera]:
    """Return the cameras whose input size is to be measured."""
    return [camera for camera in settings.cameras if camera.input_size == "auto"]


def measure_size(
    heads: HeadSummary,
    *,
    model: str,
    limit: int,
    frame_size: tuple[int, int],
    origin: Origin,
    now: datetime,
    measured_side: int | None = None,
) -> SizeMeasurement:
    """Choose an input size by the heads of the people in some frames.

    Args:
        heads: Measured in frames whose longer side was at most `limit` pixels.
        model: Id of the pose model that found them.
        limit: The largest input size that is allowed.
        frame_size: (width, height) of the camera's own frames, in pixels.
        origin: What was measured.
        now: UTC.
        measured_side: Longer side of the frames that heads were measured in, in pixels; at most
            `limit` unless given.
    """
    frame_side = max(frame_size)
    choice = choose_input_size(
        heads.smallest_head,
        measured_side=measured_side or min(frame_side, limit),
        limit=limit,
        frame_side=frame_side,
    )
    return SizeMeasurement(
        model=model,
        limit=cast("FixedInputSize", limit),
        frame_width=frame_size[0],
        frame_height=frame_size[1],
        origin=origin,
        input_size=cast("FixedInputSize", choice.input_size),
        head_pixels=round(choice.head_pixels, 1),
        frames=heads.frames,
        people=heads.people,
        measured_at=now,
    )


def apply_sizes(settings: Settings, measured: Mapping[str, SizeMeasurement]) -> Settings:
    """Return the settings with the measured input sizes of cameras that are `auto`.

    Cameras without a measurement stay `auto`, and are analysed at the largest allowed size.
    """
    sizes = {
        camera.id: measured[camera.id].input_size
        for camera in auto_cameras(settings)
        if camera.id in measured
    }
    return settings.with_input_sizes(sizes) if sizes else settings
