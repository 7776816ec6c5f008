"""The stages as one Ray Data pipeline, sized for the cluster that it runs on.

Stages wait for each other, so together they ask for no more CPUs than there are, while each can
use what the others leave: a decoding task asks for a quarter of a CPU and the pose model for a
quarter of its threads, and both take a whole core when the other one waits.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import ray
from ray.data import ActorPoolStrategy, TaskPoolStrategy
from ray.exceptions import RayTaskError

from cluster.settings import AnalysisSettings
from cluster.vision.pose.estimator import MAX_THREADS
from jobs.archive.activity_stage import CountActivity
from jobs.archive.decode_stage import DecodeSegments
from jobs.archive.pose_stage import EstimatePoses
from jobs.archive.ray_setup import blanked_variables, original_error
from jobs.archive.segments import Segment, group_into_runs
from jobs.archive.stages import SegmentResult
from jobs.archive.worker_settings import WorkerSettings

DECODE_CPUS = 0.25
COUNT_CPUS = 0.05
SEGMENTS_PER_ACTOR = 2
POSE_CPUS_PER_THREAD = 0.25


def run_stages(segments: Sequence[Segment], settings: WorkerSettings) -> Iterator[SegmentResult]:
    """Analyse segments on the Ray that is running, and yield each as soon as it is done.

    Raises:
        HomeroomError: A stage failed in a way that concerns all segments, such as wrong weights.
    """
    cores = int(ray.cluster_resources().get("CPU", 1))
    gpus = int(ray.cluster_resources().get("GPU", 0))
    blanked = blanked_variables()
    environment: dict[str, Any] = {"runtime_env": {"env_vars": blanked}} if blanked else {}
    runs = [{"run": run} for run in group_into_runs(segments, cores)]
    frames = ray.data.from_items(runs, override_num_blocks=len(runs)).map_batches(
        DecodeSegments(settings).__call__,
        batch_size=1,
        num_cpus=DECODE_CPUS,
        compute=TaskPoolStrategy(size=min(cores, len(runs))),
        **environment,
    )
    people = frames.map(
        EstimatePoses,
        fn_constructor_args=(settings,),
        **_pose_resources(settings.analysis, cores, gpus),
        **environment,
    )
    results = people.map(
        CountActivity,
        fn_constructor_args=(settings,),
        compute=ActorPoolStrategy(min_size=1, max_size=cores),  # its imports take seconds: once
        num_cpus=COUNT_CPUS,
        **environment,
    )
    try:
        for row in results.iter_rows():
            yield row["result"]
    except RayTaskError as error:
        raise original_error(error) from error


def _pose_resources(analysis: AnalysisSettings, cores: int, gpus: int) -> dict[str, object]:
    if gpus and analysis.device != "cpu":
        pool = ActorPoolStrategy(
            min_size=1, max_size=gpus, max_tasks_in_flight_per_actor=SEGMENTS_PER_ACTOR
        )
        return {"compute": pool, "num_gpus": 1, "num_cpus": 1}
    threads = analysis.threads or min(cores, MAX_THREADS)
    pool = ActorPoolStrategy(
        min_size=1,
        max_size=max(1, cores // threads),
        max_tasks_in_flight_per_actor=SEGMENTS_PER_ACTOR,
    )
    return {"compute": pool, "num_cpus": POSE_CPUS_PER_THREAD * threads}
