"""Deployments on the tests' Serve, and waiting for a condition."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray import serve

WAIT_SECONDS = 60.0


@contextmanager
def deployed(app: Any, name: str) -> Iterator[Any]:
    """Run an application during the block, and yield its handle."""
    handle = serve.run(app, name=name, route_prefix=None)
    try:
        yield handle
    finally:
        serve.delete(name)


def bound(deployment: Any, *arguments: Any, **options: Any) -> Any:
    """Bind a deployment with options for tests, and others."""
    defaults = {
        "ray_actor_options": {"num_cpus": 0.1},
        "graceful_shutdown_wait_loop_s": 0.1,
        "graceful_shutdown_timeout_s": 5,
    }
    return deployment.options(**{**defaults, **options}).bind(*arguments)


async def until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait until a condition is true, and return its value."""
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends:
        answer = await condition()
        if answer:
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"timed out after {WAIT_SECONDS:.0f} s waiting for {what}")
