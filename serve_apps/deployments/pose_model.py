"""The pose model deployment: frames of many cameras in, people out.

    readers ─┐ find(FrameSet)                 ┌─ expired? dropped, counted: ServiceBusy
    readers ─┼────────────────> @serve.batch ─┼─ by shape ─> threads ─> OpenVINO | CUDA
    API ─────┘  bounded queue:                └─ People, in the order of the frames
                ServiceBusy

Serve adds replicas as queues grow, up to `live.pose_replicas`, each on a GPU where there is one.
A replica accepts calls once its weights are on disk and the model has run. On a GPU,
`TorchNetwork` pads batches to fixed sizes; on a CPU, OpenVINO runs frames in parallel, one each.

Frames stay in memory, and are dropped when their call is answered (R8). Run it alone:

    serve run serve_apps.app:build settings=homeroom.toml
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from ray import serve

from cluster.errors import HomeroomError, VisionError
from cluster.runtime.ray_local import ensure_node_spills_to_memory
from cluster.runtime.scheduling import use_batch_scheduling
from cluster.settings import INPUT_SIZES, Settings, environment_without_settings
from cluster.vision.people import Letterbox, People
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.clients.types import FrameSet
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.deployments.model_executor import ModelExecutor, PendingCall

NAME = "PoseModel"
CPU_BATCH_SIZE = 8
"""A CPU gains nothing from larger batches, and the first frame would wait for the last."""

CPU_CONCURRENT_BATCHES = 2
"""While the last frame of a batch is inferred, idle cores start on the next batch."""

GPU_BATCH_WAIT_SECONDS = 0.01
"""Serve collects no calls while the model runs, so a GPU waits for some to fill a batch."""

MAX_SIDE = 4096

Answer = list[People] | HomeroomError


@serve.deployment(name=NAME, logging_config=SERVE_LOGGING)
class PoseModel:
    """The deployment.

    Args:
        settings: See `cluster.settings.redacted.without_secrets`.

    Raises:
        WeightsError: The weights are missing or are not what they should be.
        VisionError: The model cannot be run.
        RayError: This node's Ray would spill frames to a disk (R8).
    """

    def __init__(self, settings: Settings) -> None:
        ensure_node_spills_to_memory()
        use_batch_scheduling()
        self._max_wait_seconds = settings.live.late_seconds
        self._estimator = PoseEstimator.from_settings(settings)
        on_gpu = self._estimator.device != "cpu"
        concurrency = 1 if on_gpu else CPU_CONCURRENT_BATCHES
        self._executor = ModelExecutor("pose", concurrency)
        max_batch_size = settings.analysis.batch_size if on_gpu else CPU_BATCH_SIZE

        def frames_in(calls: Sequence[PendingCall[FrameSet]]) -> int:
            """Return the size of a batch; a call above the limit is a batch of its own."""
            frames = sum(call.size for call in calls)
            return frames if len(calls) > 1 else min(frames, max_batch_size)

        self._batched: Callable[[PendingCall[FrameSet]], Awaitable[Answer]] = serve.batch(
            max_batch_size=max_batch_size,
            batch_wait_timeout_s=GPU_BATCH_WAIT_SECONDS if on_gpu else 0.0,
            batch_size_fn=frames_in,
            max_concurrent_batches=concurrency,
        )(self._find_batch)
        self._converted: set[tuple[int, int]] = set()
        for height, width, input_size in _warm_up_sizes(settings):
            blank = np.zeros((height, width, 3), np.uint8)
            self._estimator.estimate([blank], input_size)
            box = Letterbox.of(height, width, input_size)
            self._converted.add((box.height, box.width))

    def __del__(self) -> None:
        """Shut the executor down."""
        executor = getattr(self, "_executor", None)
        if executor is not None:
            executor.shut_down()

    async def find(self, frames: FrameSet) -> list[People]:
        """Return the people of each frame, in that frame's pixels.

        Raises:
            ServiceBusy: The frames waited too long, and were dropped.
            VisionError: The array does not hold frames, or the model failed.
        """
        _validate(frames)
        await self._convert_if_new(frames)
        answer = await self._batched(PendingCall(frames, len(frames)))
        if isinstance(answer, HomeroomError):
            raise answer
        return answer

    async def check_health(self) -> None:
        """Run the model on a blank frame.

        Raises:
            VisionError: It failed or timed out.
        """
        blank = np.zeros((360, 640, 3), np.uint8)
        await self._executor.check(lambda: self._estimator.estimate([blank]))

    async def _convert_if_new(self, frames: FrameSet) -> None:
        """Convert the model for a new shape; calls of converted shapes go on meanwhile."""
        height, width = frames.pixels.shape[1:3]
        box = Letterbox.of(height, width, frames.input_size)
        if (box.height, box.width) not in self._converted:
            await asyncio.to_thread(self._estimator.prepare, height, width, frames.input_size)
            self._converted.add((box.height, box.width))

    async def _find_batch(self, calls: list[PendingCall[FrameSet]]) -> list[Answer]:
        """Return one answer for each call: people, or an error."""
        answers: dict[int, Answer] = {}
        groups: dict[tuple[int, ...], list[PendingCall[FrameSet]]] = defaultdict(list)
        for call in self._executor.drop_expired(calls, self._max_wait_seconds):
            groups[(*call.request.pixels.shape[1:], call.request.input_size)].append(call)
        for (*_, input_size), group in groups.items():
            frames = [frame for call in group for frame in call.request.pixels]
            found = await self._executor.run_batch(
                len(frames), self._estimator.estimate, frames, input_size
            )
            for call in group:
                if isinstance(found, HomeroomError):
                    answers[id(call)] = found
                else:
                    answers[id(call)], found = found[: call.size], found[call.size :]
        return [answers.get(id(call)) or self._executor.expired_error() for call in calls]


def _validate(frames: FrameSet) -> None:
    pixels = frames.pixels
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 4
        or pixels.shape[3] != 3
        or not all(0 < side <= MAX_SIDE for side in pixels.shape[:3])
    ):
        raise VisionError(
            f"frames must be (n, height, width, 3) uint8, but are {pixels.shape} {pixels.dtype}."
        )
    if frames.input_size not in INPUT_SIZES:
        raise VisionError(f"the input size {frames.input_size} is not one of {INPUT_SIZES}.")


def pose_options(settings: Settings, gpus: int) -> dict[str, Any]:
    """Return Serve's options of the pose model, for `.options(...)`.

    Args:
        settings: They limit the replicas, and choose their device.
        gpus: The number of GPUs in the cluster.
    """
    on_gpu = gpus > 0 and settings.analysis.device != "cpu"
    batch = max(CPU_BATCH_SIZE, settings.analysis.batch_size if on_gpu else 0)
    resources: dict[str, Any] = {"num_cpus": 1.0, "num_gpus": 1} if on_gpu else {"num_cpus": 0.5}
    return {
        "ray_actor_options": {**resources, **environment_without_settings()},
        "max_ongoing_requests": batch if on_gpu else CPU_CONCURRENT_BATCHES * batch,
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


def _warm_up_sizes(settings: Settings) -> list[tuple[int, int, int]]:
    """Return height, width and input size of the frames that most cameras will send."""
    sizes = {INPUT_SIZES[0]} | {settings.input_size_of(camera) for camera in settings.cameras}
    return [(size * 9 // 16, size, size) for size in sorted(sizes)]
