"""The pose model: frames of many cameras in, people out.

    readers ─┐ find(FrameSet)                 ┌─ late? dropped, counted: ServiceBusy
    readers ─┼────────────────> @serve.batch ─┼─ by shape ─> threads ─> OpenVINO | CUDA
    API ─────┘  bounded queue:                └─ People, in the order of the frames
                ServiceBusy

Serve adds replicas as queues grow, up to `live.pose_replicas`, each on a GPU where there is one.
A replica takes calls once its weights lie on the disk and the model has run. On a GPU,
`TorchNetwork` pads batches to fixed sizes; on a CPU, OpenVINO takes pictures one by one at once.

Frames come in memory, and go when they are answered. Run it alone:

    serve run serve_apps.app:build settings=homeroom.toml
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from ray import serve

from cluster.errors import HomeroomError, VisionError
from cluster.runtime.ray_local import refuse_spilling_here
from cluster.runtime.scheduling import use_batch_scheduling
from cluster.settings import Camera, Settings
from cluster.settings.redacted import sizes_to_warm_up
from cluster.vision.people import BgrImage, Letterbox, People
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.deployments.model_executor import Call, ModelExecutor

NAME = "PoseModel"
CPU_BATCH = 8
"""A CPU gains nothing from more frames at once, and the first of them would wait for the last."""

CPU_BATCHES = 2
"""While the last frame of a batch is inferred, the cores that are through take the next batch's."""

GPU_GATHER_SECONDS = 0.01
"""Serve gathers no calls while the model is at work, so a GPU waits for some to come together."""

INPUT_SIZES: tuple[int, ...] = get_args(Camera.model_fields["input_size"].annotation)
LONGEST_SIDE = 4096

Answer = list[People] | HomeroomError


@dataclass(frozen=True, slots=True, eq=False)
class FrameSet:
    """Frames of one shape.

    Attributes:
        pixels: (n, height, width, 3) uint8 BGR.
        input_size: Longer side of the network's input, in pixels.
    """

    pixels: BgrImage
    input_size: int = 640

    def __len__(self) -> int:
        """How many."""
        return len(self.pixels)


@serve.deployment(name=NAME, logging_config=SERVE_LOGGING)
class PoseModel:
    """The deployment.

    Args:
        settings: See `cluster.settings.redacted.for_models`.

    Raises:
        WeightsError: The weights are missing or are not what they should be.
        VisionError: The model cannot be run.
        RayError: This node's Ray would write frames to a disk (rule 8).
    """

    def __init__(self, settings: Settings) -> None:
        refuse_spilling_here()
        use_batch_scheduling()
        self._late_seconds = settings.live.late_seconds
        self._estimator = PoseEstimator.from_settings(settings)
        on_gpu = self._estimator.device != "cpu"
        at_once = 1 if on_gpu else CPU_BATCHES
        self._thread = ModelExecutor("pose", at_once)
        most = settings.analysis.batch_size if on_gpu else CPU_BATCH

        def frames_in(calls: Sequence[Call[FrameSet]]) -> int:
            """How large a batch is; a call that is larger than any is a batch of its own."""
            frames = sum(call.size for call in calls)
            return frames if len(calls) > 1 else min(frames, most)

        self._batched: Callable[[Call[FrameSet]], Awaitable[Answer]] = serve.batch(
            max_batch_size=most,
            batch_wait_timeout_s=GPU_GATHER_SECONDS if on_gpu else 0.0,
            batch_size_fn=frames_in,
            max_concurrent_batches=at_once,
        )(self._find_together)
        self._converted: set[tuple[int, int]] = set()
        for height, width, input_size in sizes_to_warm_up(settings):
            blank = np.zeros((height, width, 3), np.uint8)
            self._estimator.estimate([blank], input_size)
            box = Letterbox.of(height, width, input_size)
            self._converted.add((box.height, box.width))

    def __del__(self) -> None:
        """End the thread."""
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.end()

    async def find(self, frames: FrameSet) -> list[People]:
        """The people of each frame, in that frame's pixels.

        Raises:
            ServiceBusy: The frames waited too long, and were dropped.
            VisionError: They are no frames, or the model failed.
        """
        _check(frames)
        await self._convert(frames)
        answer = await self._batched(Call(frames, len(frames)))
        if isinstance(answer, HomeroomError):
            raise answer
        return answer

    async def check_health(self) -> None:
        """Run the model on a picture.

        Raises:
            VisionError: It failed, or does not answer.
        """
        blank = np.zeros((360, 640, 3), np.uint8)
        await self._thread.check(lambda: self._estimator.estimate([blank]))

    async def _convert(self, frames: FrameSet) -> None:
        """Have the model converted for a new shape, while it goes on with the known ones."""
        height, width = frames.pixels.shape[1:3]
        box = Letterbox.of(height, width, frames.input_size)
        if (box.height, box.width) not in self._converted:
            await asyncio.to_thread(self._estimator.prepare, height, width, frames.input_size)
            self._converted.add((box.height, box.width))

    async def _find_together(self, calls: list[Call[FrameSet]]) -> list[Answer]:
        """One answer a call: people, or what went wrong."""
        answers: dict[int, Answer] = {}
        groups: dict[tuple[int, ...], list[Call[FrameSet]]] = defaultdict(list)
        for call in self._thread.punctual(calls, self._late_seconds):
            groups[(*call.asked.pixels.shape[1:], call.asked.input_size)].append(call)
        for (*_, input_size), group in groups.items():
            frames = [frame for call in group for frame in call.asked.pixels]
            found = await self._thread.batch(
                len(frames), self._estimator.estimate, frames, input_size
            )
            for call in group:
                if isinstance(found, HomeroomError):
                    answers[id(call)] = found
                else:
                    answers[id(call)], found = found[: call.size], found[call.size :]
        return [answers.get(id(call)) or self._thread.late() for call in calls]


def _check(frames: FrameSet) -> None:
    pixels = frames.pixels
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 4
        or pixels.shape[3] != 3
        or not all(0 < side <= LONGEST_SIDE for side in pixels.shape[:3])
    ):
        raise VisionError(
            f"frames must be (n, height, width, 3) uint8, but are {pixels.shape} {pixels.dtype}."
        )
    if frames.input_size not in INPUT_SIZES:
        raise VisionError(f"the input size {frames.input_size} is none of {INPUT_SIZES}.")


def pose_options(settings: Settings, gpus: int) -> dict[str, Any]:
    """How Serve runs the pose model, for `.options(...)`.

    Args:
        settings: How many replicas there may be, and on what they run.
        gpus: The GPUs of the cluster.
    """
    on_gpu = gpus > 0 and settings.analysis.device != "cpu"
    batch = max(CPU_BATCH, settings.analysis.batch_size if on_gpu else 0)
    return {
        "ray_actor_options": {"num_cpus": 1.0, "num_gpus": 1} if on_gpu else {"num_cpus": 0.5},
        "max_ongoing_requests": batch if on_gpu else CPU_BATCHES * batch,
        "max_queued_requests": 8,
        "autoscaling_config": {
            "min_replicas": 1,
            "max_replicas": settings.live.pose_replicas,
            "target_ongoing_requests": max(2, batch // 4),
            "upscale_delay_s": 10,
            "downscale_delay_s": 300,
        },
        "health_check_period_s": 5,
        "health_check_timeout_s": 60,
        "graceful_shutdown_timeout_s": 10,
    }
