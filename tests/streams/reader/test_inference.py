"""Frames go to the pose model in batches, and results come back in order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import numpy as np

from cluster.errors import ServiceBusy
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.reader.inference import MAX_CALLS_IN_FLIGHT, InferenceLoop
from cluster.vision.people import BgrImage, People

DEADLINE_SECONDS = 30.0
LATE_SECONDS = 1e9  # the frames of these tests are old from the start


class FakePose:
    """A pose model whose calls a test completes or fails."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.results: list[asyncio.Future[None]] = []

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        self.calls.append((len(frames), input_size))
        self.results.append(asyncio.get_running_loop().create_future())
        await self.results[-1]
        return [People.empty() for _ in frames]


class Scenario:
    """An inference loop with cameras of different input sizes."""

    def __init__(self) -> None:
        self.pose = FakePose()
        self.sizes = {"small": 640, "large": 1280}
        self.delivered: list[tuple[str, bool]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.loop = InferenceLoop(
            self.pose,
            LATE_SECONDS,
            input_size_of=self.sizes.get,
            deliver=self.deliver,
            spawn=self.spawn,
        )

    def deliver(self, frames: Sequence[LiveFrame], people: Sequence[People] | None) -> None:
        self.delivered += [(frame.camera_id, people is not None) for frame in frames]

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    def put(self, camera_id: str) -> None:
        self.loop.put(LiveFrame(camera_id, 0.0, np.zeros((2, 4, 3), np.uint8)))

    async def calls(self, count: int) -> None:
        await until(lambda: len(self.pose.calls) == count)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def run(steps: Callable[[Scenario], Awaitable[None]]) -> Scenario:
    async def scenario() -> Scenario:
        one = Scenario()
        loop = asyncio.create_task(one.loop.run())
        await steps(one)
        for task in [loop, *one.tasks]:
            task.cancel()
        return one

    return asyncio.run(scenario())


def test_cameras_of_one_input_size_share_a_call_and_others_do_not() -> None:
    async def steps(one: Scenario) -> None:
        for camera_id in ("small", "large", "small"):
            one.put(camera_id)
        await one.calls(2)

    assert sorted(run(steps).pose.calls) == [(1, 1280), (2, 640)]


def test_results_are_delivered_in_the_order_of_the_calls() -> None:
    async def steps(one: Scenario) -> None:
        one.put("small")
        await one.calls(1)
        one.put("large")
        await one.calls(2)
        one.pose.results[1].set_result(None)
        await asyncio.sleep(0.05)
        assert one.delivered == []
        one.pose.results[0].set_result(None)
        await until(lambda: len(one.delivered) == 2)

    assert run(steps).delivered == [("small", True), ("large", True)]


def test_frames_of_a_call_that_failed_are_delivered_without_people() -> None:
    async def steps(one: Scenario) -> None:
        one.put("small")
        await one.calls(1)
        one.pose.results[0].set_exception(ServiceBusy("its queue is full."))
        await until(lambda: len(one.delivered) == 1)

    assert run(steps).delivered == [("small", False)]


def test_calls_in_flight_are_bounded() -> None:
    async def steps(one: Scenario) -> None:
        for count in range(1, MAX_CALLS_IN_FLIGHT + 1):
            one.put("small")
            await one.calls(count)
        one.put("small")
        await asyncio.sleep(0.1)
        assert len(one.pose.calls) == MAX_CALLS_IN_FLIGHT
        one.pose.results[0].set_result(None)
        await one.calls(MAX_CALLS_IN_FLIGHT + 1)

    run(steps)


def test_frames_of_a_camera_that_is_no_longer_read_cost_no_call() -> None:
    async def steps(one: Scenario) -> None:
        one.put("removed")
        await until(lambda: len(one.delivered) == 1)

    scenario = run(steps)
    assert scenario.delivered == [("removed", False)]
    assert scenario.pose.calls == []
