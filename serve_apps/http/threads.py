"""Blocking work of the API, in threads that are its own.

Starlette's `run_in_threadpool` is AnyIO's, which looks for the task at the root of the event loop
at each call. In a loop that runs for ever, as Serve's does, there is none: every call goes through
all tasks of the loop, which with hundreds of open streams takes more time than the work.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from cluster.records.db.database import POOL_SIZE

THREADS: Final = POOL_SIZE
"""Nearly all of it reads the records: one more would wait for a connection."""

P = ParamSpec("P")
T = TypeVar("T")

_pool: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="api")


async def run_in_pool(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns, or the error it raises; the context goes along, as request ids do.

    Who is cancelled meanwhile does not wait for the work to end.
    """
    call = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, call)
