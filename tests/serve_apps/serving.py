"""Deploying something on the tests' Serve, and waiting for what it does."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray import serve

PATIENCE_SECONDS = 60.0


@contextmanager
def deployed(app: Any, name: str) -> Iterator[Any]:
    """The handle of an application that runs for so long as the block."""
    handle = serve.run(app, name=name, route_prefix=None)
    try:
        yield handle
    finally:
        serve.delete(name)


def bound(deployment: Any, *arguments: Any, **options: Any) -> Any:
    """A deployment with other options, bound."""
    small = {
        "ray_actor_options": {"num_cpus": 0.1},
        "graceful_shutdown_wait_loop_s": 0.1,
        "graceful_shutdown_timeout_s": 5,
    }
    return deployment.options(**{**small, **options}).bind(*arguments)


async def until(found: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait until something is true; what it gave."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        answer = await found()
        if answer:
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
