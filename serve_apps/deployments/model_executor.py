"""Executor of a model: runs it in threads away from the event loop, and checks its health.

    calls, batched by Serve ─> expired ones dropped ─> threads ─> answers

Most networks are not safe for concurrent calls, so all work on one goes through its executor, the
health check too. Whatever the libraries raise is re-raised as a `VisionError`.
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

HEALTH_TIMEOUT_SECONDS = 30.0
"""A model that does not answer for longer has failed. Loading a new input shape takes seconds."""


@dataclass(frozen=True, slots=True)
class PendingCall(Generic[T]):
    """A call that waits for the model.

    Attributes:
        request: Its argument.
        size: Images in it.
        waiting_since: When it arrived (`time.monotonic()`).
    """

    request: T
    size: int
    waiting_since: float = field(default_factory=time.monotonic)


class ModelExecutor:
    """Runs one model.

    Args:
        name: Of the model, in metrics and messages.
        max_workers: How many calls it may run at once.
    """

    def __init__(self, name: str, max_workers: int = 1) -> None:
        self._name = name
        self._threads = ThreadPoolExecutor(max_workers=max_workers, thread_name_prefix=name)
        self._started_at: dict[int, float] = {}

    def drop_expired(
        self, calls: Sequence[PendingCall[T]], max_wait_seconds: float
    ) -> list[PendingCall[T]]:
        """Return the calls that have not waited too long, and count the others."""
        now, tags = time.monotonic(), {"model": self._name}
        fresh = []
        for call in calls:
            waited = now - call.waiting_since
            metrics.waiting_seconds().observe(waited, tags)
            if waited <= max_wait_seconds:
                fresh.append(call)
            else:
                metrics.late_images().inc(call.size, tags)
        return fresh

    def expired_error(self) -> ServiceBusy:
        """Return the error for a call that has waited too long."""
        return ServiceBusy(
            f"the {self._name} model has more work than it can do in time.",
            hint="Raise `live.pose_replicas`, or lower the cameras' number or rate.",
        )

    async def run_batch(
        self, size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R | HomeroomError:
        """Run a batch; an error is returned, so that it reaches only the callers of this batch."""
        tags = {"model": self._name}
        metrics.batch_size().observe(size, tags)
        started_at = time.monotonic()
        try:
            return await self.run(work, *args, **kwargs)
        except HomeroomError as error:
            return error
        finally:
            metrics.inference_seconds().observe(time.monotonic() - started_at, tags)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in one of the model's threads.

        Raises:
            VisionError: The libraries failed.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, lambda: self._timed(lambda: work(*args, **kwargs))
            )
        except (RuntimeError, ValueError, cv2.error) as error:
            raise VisionError(f"the {self._name} model failed: {error}") from error
        except TypeError:  # pybind11 quotes the pixels in its message
            raise VisionError(f"the {self._name} model was called with a wrong type.") from None

    async def check(
        self, work: Callable[[], object], seconds: float = HEALTH_TIMEOUT_SECONDS
    ) -> None:
        """Run the model once, for Serve's health check.

        Raises:
            VisionError: It failed or timed out, or an earlier call has been running for longer.
        """
        now = time.monotonic()
        is_stuck = any(now - started > seconds for started in list(self._started_at.values()))
        try:
            if is_stuck:  # the other threads would still answer
                raise TimeoutError
            async with asyncio.timeout(seconds):
                await self.run(work)
        except TimeoutError:
            raise VisionError(
                f"the {self._name} model has not answered for {seconds:.0f} s."
            ) from None

    def _timed(self, work: Callable[[], R]) -> R:
        """Run a function in this thread, and record when it started."""
        thread = threading.get_ident()
        self._started_at[thread] = time.monotonic()
        try:
            return work()
        finally:
            del self._started_at[thread]

    def shut_down(self) -> None:
        """Accept no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)
