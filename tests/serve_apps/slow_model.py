"""The pose model deployment with an estimator that can be slow, or fail."""

import os
import time
from collections.abc import Sequence
from typing import Any

from ray import serve

from cluster.settings import Settings
from cluster.vision.people import BgrImage, People
from serve_apps.deployments.pose_model import PoseModel

Real: Any = PoseModel


class SlowEstimator:
    """Finds no people, after a pause; records the sizes of its batches."""

    device = "cpu"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.broken = False
        self.batches: list[int] = []

    def prepare(self, height: int, width: int, input_size: int) -> None:
        """Do nothing."""

    def estimate(self, frames: Sequence[BgrImage], input_size: int = 640) -> list[People]:  # noqa: ARG002
        if self.broken:
            raise RuntimeError("the device is lost")
        self.batches.append(len(frames))
        time.sleep(self.seconds)
        return [People.empty() for _ in frames]


@serve.deployment(name="SlowPose")
class SlowPose(Real.func_or_class):  # type: ignore[misc]
    """The real deployment but for the estimator."""

    def __init__(self, settings: Settings, seconds: float) -> None:
        super().__init__(settings)
        self._estimator = SlowEstimator(seconds)

    async def pid(self) -> int:
        return os.getpid()

    async def batches(self) -> list[int]:
        return list(self._estimator.batches)

    async def break_down(self) -> None:
        self._estimator.broken = True
