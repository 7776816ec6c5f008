"""The stages, wired up over Ray Data and sized for the cluster at hand.

Stages wait for each other, so together they ask for no more CPUs than there are, while each can
use what the others leave: a decoding task asks for 0.4 CPU and the pose model for half of its
threads, and both take a whole core when the other one waits.
"""

from collections.abc import Iterator, Sequence

import ray
from ray.data import ActorPoolStrategy, TaskPoolStrategy
from ray.exceptions import RayTaskError

from cluster.errors import HomeroomError
from cluster.settings import Settings
from cluster.vision.pose.estimator import MAX_THREADS
from jobs.archive.counting import CountSegment
from jobs.archive.finding import FindPeople
from jobs.archive.reading import ReadRun
from jobs.archive.segments import Segment, group_into_runs
from jobs.archive.stages import SegmentResult

DECODE_CPUS = 0.25
COUNT_CPUS = 0.05
SEGMENTS_IN_WORK = 2
POSE_CPUS_A_THREAD = 0.25


def results_of(segments: Sequence[Segment], settings: Settings) -> Iterator[SegmentResult]:
    """Analyse segments on the Ray that is running, and give each as soon as it is done.

    Raises:
        HomeroomError: A stage failed in a way that concerns all segments, such as wrong weights.
    """
    cores = int(ray.cluster_resources().get("CPU", 1))
    gpus = int(ray.cluster_resources().get("GPU", 0))
    runs = [{"run": run} for run in group_into_runs(segments, cores)]
    frames = ray.data.from_items(runs, override_num_blocks=len(runs)).map_batches(
        ReadRun(settings).__call__,
        batch_size=1,
        num_cpus=DECODE_CPUS,
        compute=TaskPoolStrategy(size=min(cores, len(runs))),
    )
    people = frames.map(
        FindPeople,
        fn_constructor_args=(settings,),
        **_pose_resources(settings, cores, gpus),
    )
    results = people.map(
        CountSegment,
        fn_constructor_args=(settings,),
        compute=ActorPoolStrategy(min_size=1, max_size=cores),  # its imports take seconds: once
        num_cpus=COUNT_CPUS,
    )
    try:
        for row in results.iter_rows():
            yield row["result"]
    except RayTaskError as error:
        raise _cause(error) from error


def _pose_resources(settings: Settings, cores: int, gpus: int) -> dict[str, object]:
    if gpus and settings.analysis.device != "cpu":
        pool = ActorPoolStrategy(
            min_size=1, max_size=gpus, max_tasks_in_flight_per_actor=SEGMENTS_IN_WORK
        )
        return {"compute": pool, "num_gpus": 1, "num_cpus": 1}
    threads = settings.analysis.threads or min(cores, MAX_THREADS)
    pool = ActorPoolStrategy(
        min_size=1,
        max_size=max(1, cores // threads),
        max_tasks_in_flight_per_actor=SEGMENTS_IN_WORK,
    )
    return {"compute": pool, "num_cpus": POSE_CPUS_A_THREAD * threads}


def _cause(error: BaseException) -> BaseException:
    """Our own error inside Ray's, if there is one."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, HomeroomError):
            return inner
        cause = getattr(inner, "cause", None)
        inner = cause if isinstance(cause, BaseException) else inner.__cause__
    return error
