"""A model at work: a thread or a few, away from the event loop, and a proof that they still live.

    calls, batched by Serve ─> late ones dropped, oldest first ─> threads ─> answers

Most networks are not made for two calls at once, so all work on one goes through here, the
health check too. Whatever the libraries raise comes out as a `VisionError`.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, ParamSpec, TypeVar

import cv2

from cluster.errors import HomeroomError, ServiceBusy, VisionError
from serve_apps import metrics

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

HEALTH_SECONDS = 30.0
"""A model that does not answer for so long is given up. Loading a new input shape takes seconds."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A call of the model, and since when it waits (`time.monotonic()`)."""

    asked: T
    size: int
    since: float = field(default_factory=time.monotonic)


class ModelExecutor:
    """Where a model runs.

    Args:
        name: Of the model, in metrics and messages.
        calls: How many it takes at once.
    """

    def __init__(self, name: str, calls: int = 1) -> None:
        self._name = name
        self._thread = ThreadPoolExecutor(max_workers=calls, thread_name_prefix=name)
        self._begun: dict[int, float] = {}

    def punctual(self, calls: Sequence[Call[T]], late_seconds: float) -> list[Call[T]]:
        """The calls that have not waited too long; the others are counted."""
        now, tags = time.monotonic(), {"model": self._name}
        punctual = []
        for call in calls:
            metrics.waiting_seconds().observe(now - call.since, tags)
            if now - call.since <= late_seconds:
                punctual.append(call)
            else:
                metrics.late_pictures().inc(call.size, tags)
        return punctual

    def late(self) -> ServiceBusy:
        """What a call is told that has waited too long."""
        return ServiceBusy(
            f"the {self._name} model has more work than it can do in time.",
            hint="Raise `live.pose_replicas`, or lower the cameras' number or rate.",
        )

    async def batch(
        self, size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R | HomeroomError:
        """Run a batch; a failure is given back, so that it reaches those alone whom it concerns."""
        tags = {"model": self._name}
        metrics.batch_size().observe(size, tags)
        begins = time.monotonic()
        try:
            return await self.run(work, *args, **kwargs)
        except HomeroomError as error:
            return error
        finally:
            metrics.inference_seconds().observe(time.monotonic() - begins, tags)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run something on the model's thread.

        Raises:
            VisionError: The libraries below failed.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._thread, lambda: self._timed(lambda: work(*args, **kwargs))
            )
        except (RuntimeError, ValueError, cv2.error) as error:
            raise VisionError(f"the {self._name} model failed: {error}") from error
        except TypeError:  # pybind11 quotes the pixels in it
            raise VisionError(f"the {self._name} model was given what it does not take.") from None

    async def check(self, work: Callable[[], object], seconds: float = HEALTH_SECONDS) -> None:
        """Run the model once, for Serve's health check.

        Raises:
            VisionError: It failed, or does not answer; or a call before has hung for so long.
        """
        now = time.monotonic()
        hangs = any(now - begun > seconds for begun in list(self._begun.values()))
        try:
            if hangs:  # the other threads would still answer
                raise TimeoutError
            async with asyncio.timeout(seconds):
                await self.run(work)
        except TimeoutError:
            raise VisionError(
                f"the {self._name} model has not answered for {seconds:.0f} s."
            ) from None

    def _timed(self, work: Callable[[], R]) -> R:
        """Do it in a thread, and have it known since when."""
        thread = threading.get_ident()
        self._begun[thread] = time.monotonic()
        try:
            return work()
        finally:
            del self._begun[thread]

    def end(self) -> None:
        """Take no more work."""
        self._thread.shutdown(wait=False, cancel_futures=True)
