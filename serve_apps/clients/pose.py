"""Client of the pose model: a plain method, and Homeroom's own errors."""

from collections.abc import Sequence

import numpy as np
from ray.serve.handle import DeploymentHandle

from cluster.errors import VisionError
from cluster.vision.people import BgrImage, People
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.types import FrameSet

CALL_TIMEOUT_SECONDS = 30.0
"""The first frame of a new shape may wait for the model to be converted."""


class PoseModelClient:
    """Client of the pose model (`interfaces.PoseService`). It can be pickled, for readers.

    Args:
        handle: Of the deployment.
        timeout_seconds: Timeout of a call.
    """

    def __init__(
        self, handle: DeploymentHandle, timeout_seconds: float = CALL_TIMEOUT_SECONDS
    ) -> None:
        self._handle = handle
        self._timeout_seconds = timeout_seconds

    async def find(self, frames: Sequence[BgrImage], input_size: int = 640) -> list[People]:
        """Return the people of each frame (height, width, 3) uint8 BGR; all of one shape.

        Raises:
            ServiceBusy: The queue is full, or the frames waited too long.
            ServiceDown: The model does not answer.
            VisionError: The frames are not of one shape, or the model failed.
        """
        if not frames:
            return []
        if len({frame.shape for frame in frames}) > 1:
            raise VisionError("the frames of a call must be of one shape.")
        async with translate_serve_errors("the pose model", seconds=self._timeout_seconds):
            found: list[People] = await self._handle.find.remote(
                FrameSet(np.stack(frames), input_size)
            )
        return found
