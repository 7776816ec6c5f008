"""The face model deployment: chips in, embeddings out. It knows no names, and stores nothing.

    Registers ─ embed(chips) ─> @serve.batch ─> one thread ─> dlib | InsightFace ─> embeddings

Face roll call is off unless a district switches it on (R4), so no replica runs until a register
calls it; the last one is stopped after ten minutes without a call. Readers cut chips without it
(`cluster.vision.faces.factory.create_face_cutter`), and distances are computed in the process that
holds the templates.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from ray import serve

from cluster.errors import HomeroomError, VisionError
from cluster.settings import Settings, environment_without_settings
from cluster.vision.faces.base import FaceChip, FaceEngineSpec, FaceQuality
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.people import FloatArray
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.deployments.model_executor import ModelExecutor, PendingCall

NAME = "FaceModel"
MAX_BATCH_SIZE = 32
MAX_WAIT_SECONDS = 10.0
"""A face that waited longer is dropped: the next frame shows it again."""

NICENESS_INCREMENT = 4
"""Lower priority, added to the niceness of Ray's workers, 15: a register may take minutes, live
counts and API responses seconds. Where all cores are busy, a process at 19 gets about 0.4 of the
CPU time of one at 15.
"""

Answer = FloatArray | HomeroomError


@serve.deployment(name=NAME, logging_config=SERVE_LOGGING)
class FaceModel:
    """The deployment.

    Args:
        settings: See `cluster.settings.redacted.without_secrets`.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: The weights are missing or are not what they should be.
    """

    def __init__(self, settings: Settings) -> None:
        os.nice(NICENESS_INCREMENT)  # on Linux: of this thread, and of those that it starts
        self._executor = ModelExecutor("face")
        self._engine = create_face_engine(settings)

        def chips_in(calls: Sequence[PendingCall[list[FaceChip]]]) -> int:
            """Return the size of a batch; a call above the limit is a batch of its own."""
            chips = sum(call.size for call in calls)
            return chips if len(calls) > 1 else min(chips, MAX_BATCH_SIZE)

        self._batched: Callable[[PendingCall[list[FaceChip]]], Awaitable[Answer]] = serve.batch(
            max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=0.0, batch_size_fn=chips_in
        )(self._embed_batch)
        self._engine.embed([_synthetic_chip(self._engine.spec.chip_side)])

    def __del__(self) -> None:
        """Shut the executor down."""
        executor = getattr(self, "_executor", None)
        if executor is not None:
            executor.shut_down()

    async def engine_spec(self) -> FaceEngineSpec:
        """Return what callers need to know of the engine to use its embeddings."""
        return self._engine.spec

    async def embed(self, chips: list[FaceChip]) -> FloatArray:
        """Return the embeddings (n, dimensions) float32 of chips of this engine, in their order.

        Raises:
            ServiceBusy: The chips waited too long, and were dropped.
            VisionError: They are not chips of this engine, or the network failed.
        """
        side = self._engine.spec.chip_side
        if any(c.pixels.shape != (side, side, 3) or c.pixels.dtype != np.uint8 for c in chips):
            raise VisionError(f"chips must be ({side}, {side}, 3) uint8.")
        if not chips:
            return np.zeros((0, self._engine.spec.dimensions), np.float32)
        answer = await self._batched(PendingCall(chips, len(chips)))
        if isinstance(answer, HomeroomError):
            raise answer
        return answer

    async def check_health(self) -> None:
        """Run the network on a synthetic chip.

        Raises:
            VisionError: It failed or timed out.
        """
        chip = _synthetic_chip(self._engine.spec.chip_side)
        await self._executor.check(lambda: self._engine.embed([chip]))

    async def _embed_batch(self, calls: list[PendingCall[list[FaceChip]]]) -> list[Answer]:
        """Return one answer for each call: embeddings, or an error."""
        fresh = self._executor.drop_expired(calls, MAX_WAIT_SECONDS)
        chips = [chip for call in fresh for chip in call.request]
        answers: dict[int, Answer] = {}
        if chips:
            found = await self._executor.run_batch(len(chips), self._engine.embed, chips)
            for call in fresh:
                if isinstance(found, HomeroomError):
                    answers[id(call)] = found
                else:
                    answers[id(call)], found = found[: call.size], found[call.size :]
        return [
            answers[id(c)] if id(c) in answers else self._executor.expired_error() for c in calls
        ]


def _synthetic_chip(side: int) -> FaceChip:
    """Return a chip of noise: InsightFace gives a blank one no direction."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    return FaceChip(noise, FaceQuality(side, 1, 0, 1, 128), 0, (0, 0, side, side))


def face_options(settings: Settings) -> dict[str, Any]:
    """Return Serve's options of the face model, for `.options(...)`.

    Args:
        settings: They limit the replicas of a model.
    """
    return {
        "ray_actor_options": {"num_cpus": 0.2, **environment_without_settings()},
        "max_ongoing_requests": MAX_BATCH_SIZE,
        "max_queued_requests": 64,
        "autoscaling_config": {
            "min_replicas": 0,
            "max_replicas": settings.live.pose_replicas,
            "target_ongoing_requests": 4,
            "upscale_delay_s": 10,
            "downscale_delay_s": 600,
        },
        "health_check_period_s": 5,
        "health_check_timeout_s": 60,
        "graceful_shutdown_timeout_s": 10,
    }
