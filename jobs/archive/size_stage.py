"""Measures the heads in a few frames of each camera's footage, a Ray task a camera.

    MeasureTask -> a few frames at the largest allowed size -> pose model -> HeadSummary

Frames and people are dropped in the task that finds them; heights of heads leave it (R2, R8).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayTaskError

from cluster.calibration.input_sizes import MIN_PEOPLE
from cluster.errors import FootageError
from cluster.settings import AnalysisSettings, WeightsSettings
from cluster.streams.decode.spread_frames import spread_frames
from cluster.vision.pose.estimator import MAX_THREADS, PoseEstimator
from cluster.vision.pose.input_size import HeadSizes, HeadSummary
from jobs.archive.input_sizes import FRAMES_PER_CAMERA, MeasureTask
from jobs.archive.ray_setup import blanked_variables, original_error
from jobs.archive.worker_settings import WorkerSettings


def measure_cameras(
    tasks: Sequence[MeasureTask], settings: WorkerSettings
) -> Iterator[tuple[MeasureTask, HeadSummary | None]]:
    """Measure cameras on the Ray that is running, and yield each as soon as it is done.

    Raises:
        HomeroomError: It cannot be done for any camera, as with wrong weights.
    """
    measure = ray.remote(measure_heads).options(**_resources(settings.analysis))
    waiting = {
        measure.remote(task, settings.analysis, settings.weights, settings.cache_dir): task
        for task in tasks
    }
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        try:
            yield waiting.pop(done), ray.get(done)
        except RayTaskError as error:
            raise original_error(error) from error


def measure_heads(
    task: MeasureTask, analysis: AnalysisSettings, weights: WeightsSettings, cache_dir: Path
) -> HeadSummary | None:
    """Measure the heads in a few frames of one camera's footage.

    What cannot be read is left out: the analysis reports it. None where too few people are seen.
    """
    heads = HeadSizes()
    estimator = _estimator(analysis, weights, cache_dir)
    for index, (address, seconds) in enumerate(task.files):
        count = len(range(index, FRAMES_PER_CAMERA, len(task.files)))
        try:
            for frame in spread_frames(
                address,
                count,
                duration_seconds=seconds,
                long_side=task.camera.input_size,
                masks=task.camera.masks,
            ):
                (people,) = estimator.estimate([frame.pixels], task.camera.input_size)
                if len(people) >= MIN_PEOPLE:
                    heads.add(people)
        except FootageError:
            continue
    return heads.summarise()


@lru_cache(maxsize=1)
def _estimator(
    analysis: AnalysisSettings, weights: WeightsSettings, cache_dir: Path
) -> PoseEstimator:
    """Return the pose model of this worker process, which Ray keeps for further tasks."""
    return PoseEstimator.from_tables(analysis, weights, cache_dir)


def _resources(analysis: AnalysisSettings) -> dict[str, Any]:
    cores = int(ray.cluster_resources().get("CPU", 1))
    gpus = int(ray.cluster_resources().get("GPU", 0))
    blanked = blanked_variables()
    options: dict[str, Any] = {"runtime_env": {"env_vars": blanked}} if blanked else {}
    if gpus and analysis.device != "cpu":
        return {**options, "num_gpus": 1, "num_cpus": 1}
    return {**options, "num_cpus": min(cores, analysis.threads or MAX_THREADS)}
