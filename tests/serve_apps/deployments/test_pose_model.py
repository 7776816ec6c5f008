"""The pose model on a real Serve: right answers, clear errors, and recovery."""

import asyncio
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cluster.errors import HomeroomError, ServiceBusy, ServiceDown, VisionError
from cluster.settings import Settings
from cluster.settings.redacted import without_secrets
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.clients.pose import PoseModelClient
from serve_apps.clients.types import FrameSet
from serve_apps.deployments.face_model import face_options
from serve_apps.deployments.model_executor import ModelExecutor
from serve_apps.deployments.pose_model import (
    CPU_CONCURRENT_BATCHES,
    PoseModel,
    _warm_up_sizes,
    pose_options,
)
from tests.serve_apps.serving import bound, deployed, until
from tests.serve_apps.slow_model import SlowPose

pytestmark = pytest.mark.ray

SECRET = "canary-password"  # noqa: S105 (not a real one)

SETTINGS = Settings.model_validate(
    {
        "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
        "rooms": [{"id": "room-1", "school": "hill", "name": "Room 1"}],
        "cameras": [{"id": "cam1", "room": "room-1", "address": f"rtsp://a:{SECRET}@camera/1"}],
        "records": {"url": f"postgresql://a:{SECRET}@database/homeroom"},
        "security": {"master_key": SECRET},
        "access": {"oidc_client_secret": SECRET},
        "live": {"late_seconds": 5.0, "pose_replicas": 3},
    }
)
BLANK = np.zeros((360, 640, 3), np.uint8)


@pytest.fixture(scope="module")
def lesson(samples: Path) -> BgrImage:
    image = cv2.imread(str(samples / "classroom-hand-raised.png"))
    return np.asarray(cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def pose(serve_port: int) -> Iterator[PoseModelClient]:  # noqa: ARG001
    options = pose_options(SETTINGS, gpus=0)
    with deployed(bound(PoseModel, without_secrets(SETTINGS), **options), "pose") as handle:
        yield PoseModelClient(handle)


def slow(seconds: float, late_seconds: float = 5.0, **options: Any) -> Any:
    live = SETTINGS.live.model_copy(update={"late_seconds": late_seconds})
    settings = without_secrets(SETTINGS).model_copy(update={"live": live})
    return bound(SlowPose, settings, seconds, **options)


async def find_or_error(
    pose: PoseModelClient, frames: list[BgrImage]
) -> list[People] | HomeroomError:
    try:
        return await pose.find(frames)
    except HomeroomError as error:
        return error


def is_close(found: People, expected: People) -> bool:
    return len(found) == len(expected) and bool(np.allclose(found.boxes, expected.boxes, atol=1))


def test_it_finds_the_people_that_the_estimator_finds(
    pose: PoseModelClient, lesson: BgrImage
) -> None:
    (expected,) = PoseEstimator.from_settings(SETTINGS).estimate([lesson])
    found = asyncio.run(pose.find([lesson, BLANK, lesson]))
    assert len(expected) >= 4
    assert is_close(found[0], expected)
    assert len(found[1]) == 0
    assert is_close(found[2], expected)


def test_concurrent_calls_of_several_shapes_each_get_their_own_answer(
    pose: PoseModelClient, lesson: BgrImage
) -> None:
    taller = np.asarray(cv2.resize(lesson, (640, 380)), np.uint8)  # the same network, by letterbox
    (expected,) = asyncio.run(pose.find([lesson]))

    async def call_all() -> list[list[People]]:
        calls = [[lesson], [taller, BLANK[:1].repeat(380, 0)], [BLANK] * 3, [lesson] * 12]
        return list(await asyncio.gather(*(pose.find(frames) for frames in calls)))

    first, second, third, fourth = asyncio.run(call_all())
    assert is_close(first[0], expected)
    assert [len(found) for found in second] == [len(expected), 0]
    assert [len(found) for found in third] == [0, 0, 0]
    assert len(fourth) == 12
    assert all(is_close(found, expected) for found in fourth)


@pytest.mark.parametrize(
    ("pixels", "input_size"),
    [
        (np.zeros((1, 360, 640), np.uint8), 640),
        (np.zeros((1, 360, 640, 4), np.uint8), 640),
        (np.zeros((1, 360, 640, 3), np.float32), 640),
        (np.zeros((0, 360, 640, 3), np.uint8), 640),
        (np.zeros((1, 0, 640, 3), np.uint8), 640),
        (np.zeros((1, 360, 640, 3), np.uint8), 641),
    ],
)
def test_an_array_that_is_not_frames_is_rejected_with_a_clear_error(
    pose: PoseModelClient, pixels: Any, input_size: int
) -> None:
    handle: Any = pose._handle
    with pytest.raises(VisionError, match=r"frames must be|the input size"):
        handle.find.remote(FrameSet(pixels, input_size)).result(timeout_s=60)
    assert len(asyncio.run(pose.find([BLANK]))) == 1


def test_frames_of_several_shapes_in_one_call_are_rejected(pose: PoseModelClient) -> None:
    with pytest.raises(VisionError, match="one shape"):
        asyncio.run(pose.find([BLANK, BLANK[:300]]))


def test_an_empty_list_of_frames_makes_no_call(pose: PoseModelClient) -> None:
    assert asyncio.run(pose.find([])) == []


def test_concurrent_calls_are_batched(serve_port: int) -> None:  # noqa: ARG001
    with deployed(slow(0.2, max_ongoing_requests=32), "batched") as handle:

        async def many() -> list[list[People]]:
            pose = PoseModelClient(handle)
            return list(await asyncio.gather(*(pose.find([BLANK, BLANK]) for _ in range(12))))

        answers = asyncio.run(many())
        # Calls have two frames: a single one comes from the health check.
        batches = [size for size in handle.batches.remote().result() if size > 1]
    assert [len(answer) for answer in answers] == [2] * 12
    assert sum(batches) == 24
    assert max(batches) <= 8
    assert len(batches) < 12


def test_a_full_queue_raises_service_busy(serve_port: int) -> None:  # noqa: ARG001
    app = slow(0.5, max_ongoing_requests=1, max_queued_requests=1)
    with deployed(app, "full") as handle:

        async def many() -> list[list[People] | HomeroomError]:
            pose = PoseModelClient(handle)
            return list(await asyncio.gather(*(find_or_error(pose, [BLANK]) for _ in range(8))))

        answers = asyncio.run(many())
    errors = [answer for answer in answers if isinstance(answer, HomeroomError)]
    assert errors
    assert len(errors) < len(answers)
    assert {type(error) for error in errors} == {ServiceBusy}
    assert "queue of the pose model is full" in str(errors[0])


def test_frames_that_waited_too_long_are_dropped(serve_port: int) -> None:  # noqa: ARG001
    app = slow(1.0, late_seconds=0.5, max_ongoing_requests=32)
    with deployed(app, "late") as handle:

        async def many() -> tuple[list[Any], list[Any]]:
            pose = PoseModelClient(handle)
            first = []
            for _ in range(CPU_CONCURRENT_BATCHES):  # a batch each
                first.append(asyncio.create_task(find_or_error(pose, [BLANK])))
                await asyncio.sleep(0.1)
            later = await asyncio.gather(*(find_or_error(pose, [BLANK]) for _ in range(3)))
            return list(await asyncio.gather(*first)), list(later)

        first, later = asyncio.run(many())
        fresh = asyncio.run(find_or_error(PoseModelClient(handle), [BLANK]))
    assert not [answer for answer in first if isinstance(answer, HomeroomError)]
    assert {type(answer) for answer in later} == {ServiceBusy}
    assert "more work than it can do in time" in str(later[0])
    assert not isinstance(fresh, HomeroomError)


def test_a_killed_replica_is_replaced(serve_port: int) -> None:  # noqa: ARG001
    with deployed(slow(2.0, health_check_period_s=1), "killed") as handle:
        pose = PoseModelClient(handle)
        pid = handle.pid.remote().result()

        async def killed_during_a_call() -> list[People] | HomeroomError:
            call = asyncio.create_task(find_or_error(pose, [BLANK]))
            await asyncio.sleep(0.5)
            os.kill(pid, signal.SIGKILL)
            return await call

        assert isinstance(asyncio.run(killed_during_a_call()), ServiceDown)

        async def answers() -> bool:
            return not isinstance(await find_or_error(pose, [BLANK]), HomeroomError)

        assert asyncio.run(until(answers, "an answer"))
        assert handle.pid.remote().result() != pid


def test_a_model_that_fails_is_replaced(serve_port: int) -> None:  # noqa: ARG001
    with deployed(slow(0.0, health_check_period_s=0.5), "broken") as handle:
        pose = PoseModelClient(handle)
        pid = handle.pid.remote().result()
        handle.break_down.remote().result()
        assert isinstance(asyncio.run(find_or_error(pose, [BLANK])), VisionError)

        async def recovered() -> bool:
            return not isinstance(await find_or_error(pose, [BLANK]), HomeroomError)

        assert asyncio.run(until(recovered, "a replica whose model runs"))
        assert handle.pid.remote().result() != pid


def test_a_model_that_hangs_fails_its_health_check() -> None:
    executor = ModelExecutor("pose")

    async def checked() -> None:
        stuck = asyncio.Event()
        waiting = asyncio.run_coroutine_threadsafe(stuck.wait(), asyncio.get_running_loop())
        try:
            with pytest.raises(VisionError, match="has not answered"):
                await executor.check(waiting.result, seconds=0.1)
        finally:
            stuck.set()
            await asyncio.wrap_future(waiting)

    asyncio.run(checked())
    executor.shut_down()


def test_one_hanging_call_fails_the_health_check_although_other_threads_answer() -> None:
    executor, stuck = ModelExecutor("pose", max_workers=2), threading.Event()

    async def checked() -> None:
        hanging = asyncio.create_task(executor.run(stuck.wait))
        await executor.check(lambda: None, seconds=5.0)
        await asyncio.sleep(0.2)
        with pytest.raises(VisionError, match="has not answered"):
            await executor.check(lambda: None, seconds=0.1)
        stuck.set()
        await hanging
        await executor.check(lambda: None, seconds=0.1)

    asyncio.run(checked())
    executor.shut_down()


def test_a_gpu_is_requested_where_there_is_one_and_the_settings_allow_it() -> None:
    with_gpu, without = pose_options(SETTINGS, gpus=2), pose_options(SETTINGS, gpus=0)
    analysis = SETTINGS.analysis.model_copy(update={"device": "cpu"})
    on_cpu = pose_options(SETTINGS.model_copy(update={"analysis": analysis}), gpus=2)
    assert with_gpu["ray_actor_options"]["num_gpus"] == 1
    assert with_gpu["max_ongoing_requests"] >= SETTINGS.analysis.batch_size
    assert "num_gpus" not in without["ray_actor_options"]
    assert without["ray_actor_options"]["num_cpus"] < 1
    assert on_cpu == without
    assert without["autoscaling_config"]["min_replicas"] == 1
    assert without["autoscaling_config"]["max_replicas"] == 3


def test_a_model_gets_no_secret() -> None:
    shared = without_secrets(SETTINGS)
    assert SECRET.encode() not in pickle.dumps(shared)
    assert SECRET.encode() in pickle.dumps(SETTINGS)
    assert shared.live == SETTINGS.live


def test_every_input_size_is_warmed_up() -> None:
    camera_id = SETTINGS.cameras[0].id
    smaller, larger = (SETTINGS.with_input_sizes({camera_id: size}) for size in (640, 1280))
    assert _warm_up_sizes(smaller) == [(360, 640, 640)]
    assert _warm_up_sizes(larger) == [(360, 640, 640), (720, 1280, 1280)]


def test_a_camera_that_is_not_measured_warms_up_the_largest_size_that_it_may_have() -> None:
    assert _warm_up_sizes(SETTINGS) == [(360, 640, 640), (540, 960, 960)]


@pytest.mark.parametrize("options", [pose_options(SETTINGS, 0), face_options(SETTINGS)])
def test_models_need_no_variable_of_the_environment(options: dict[str, Any]) -> None:
    assert "runtime_env" not in options["ray_actor_options"]


def test_models_do_not_inherit_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEROOM_SECURITY__MASTER_KEY", SECRET)
    for options in (pose_options(SETTINGS, 0), face_options(SETTINGS)):
        environment = options["ray_actor_options"]["runtime_env"]["env_vars"]
        assert environment == {"HOMEROOM_SECURITY__MASTER_KEY": ""}
