"""The face model: chips in, embeddings out. It knows no names, and keeps nothing.

    Registers ─ embed(chips) ─> @serve.batch ─> one thread ─> dlib | InsightFace ─> embeddings

Face roll call is off unless a district has decided for it, so no replica runs until a register
asks for one; the last goes when none has asked for ten minutes. Readers cut chips without it
(`cluster.vision.faces.factory.create_face_cutter`), and distances are taken where the templates
are.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from ray import serve

from cluster.errors import HomeroomError, VisionError
from cluster.settings import Settings
from cluster.vision.faces.base import FaceChip, FaceEngineSpec, FaceQuality
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.people import FloatArray
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.deployments.model_executor import Call, ModelExecutor

NAME = "FaceModel"
BATCH = 32
LATE_SECONDS = 10.0
"""A face that waited longer is dropped: the next frame shows it again."""

GIVES_WAY = 4
"""Added to the niceness of Ray's workers, 15: a register takes minutes, and numbers and answers
seconds. Where the cores are all in use, a process at 19 gets about 0.4 of what one at 15 gets.
"""

Answer = FloatArray | HomeroomError


@serve.deployment(name=NAME, logging_config=SERVE_LOGGING)
class FaceModel:
    """The deployment.

    Args:
        settings: See `cluster.settings.redacted.for_models`.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: The weights are missing or are not what they should be.
    """

    def __init__(self, settings: Settings) -> None:
        os.nice(GIVES_WAY)  # this thread, and all that come of it: on Linux, nobody else
        self._thread = ModelExecutor("face")
        self._engine = create_face_engine(settings)

        def chips_in(calls: Sequence[Call[list[FaceChip]]]) -> int:
            """How large a batch is; a call that is larger than any is a batch of its own."""
            chips = sum(call.size for call in calls)
            return chips if len(calls) > 1 else min(chips, BATCH)

        self._batched: Callable[[Call[list[FaceChip]]], Awaitable[Answer]] = serve.batch(
            max_batch_size=BATCH, batch_wait_timeout_s=0.0, batch_size_fn=chips_in
        )(self._embed_together)
        self._engine.embed([_made_up_chip(self._engine.spec.chip_side)])

    def __del__(self) -> None:
        """End the thread."""
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.end()

    async def spec(self) -> FaceEngineSpec:
        """What must be known of the engine to work with its embeddings."""
        return self._engine.spec

    async def embed(self, chips: list[FaceChip]) -> FloatArray:
        """Embeddings (n, dimensions) float32 of chips of this engine, in their order.

        Raises:
            ServiceBusy: They waited too long, and were dropped.
            VisionError: They are no chips of this engine, or the network failed.
        """
        side = self._engine.spec.chip_side
        if any(c.pixels.shape != (side, side, 3) or c.pixels.dtype != np.uint8 for c in chips):
            raise VisionError(f"chips must be ({side}, {side}, 3) uint8.")
        if not chips:
            return np.zeros((0, self._engine.spec.dimensions), np.float32)
        answer = await self._batched(Call(chips, len(chips)))
        if isinstance(answer, HomeroomError):
            raise answer
        return answer

    async def check_health(self) -> None:
        """Run the network on a made-up chip.

        Raises:
            VisionError: It failed, or does not answer.
        """
        chip = _made_up_chip(self._engine.spec.chip_side)
        await self._thread.check(lambda: self._engine.embed([chip]))

    async def _embed_together(self, calls: list[Call[list[FaceChip]]]) -> list[Answer]:
        """One answer a call: embeddings, or what went wrong."""
        punctual = self._thread.punctual(calls, LATE_SECONDS)
        chips = [chip for call in punctual for chip in call.asked]
        answers: dict[int, Answer] = {}
        if chips:
            found = await self._thread.batch(len(chips), self._engine.embed, chips)
            for call in punctual:
                if isinstance(found, HomeroomError):
                    answers[id(call)] = found
                else:
                    answers[id(call)], found = found[: call.size], found[call.size :]
        return [answers[id(c)] if id(c) in answers else self._thread.late() for c in calls]


def _made_up_chip(side: int) -> FaceChip:
    """Noise: a blank chip has no direction in InsightFace's network."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    return FaceChip(noise, FaceQuality(side, 1, 0, 1, 128), 0, (0, 0, side, side))


def face_options(settings: Settings) -> dict[str, Any]:
    """How Serve runs the face model, for `.options(...)`.

    Args:
        settings: How many replicas of a model there may be.
    """
    return {
        "ray_actor_options": {"num_cpus": 0.2},
        "max_ongoing_requests": BATCH,
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
