"""A thread pool of the API's own for blocking work.

Starlette's `run_in_threadpool` is AnyIO's, which searches for the root task of the event loop at
each call. In a loop that runs for ever, as Serve's does, there is none: every call goes through all
tasks of the loop, which with hundreds of open streams takes more time than the work.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from cluster.records.db.database import POOL_SIZE

MAX_THREADS: Final = POOL_SIZE
"""Nearly all work reads the records: one more thread would wait for a connection."""

P = ParamSpec("P")
T = TypeVar("T")

_pool: Final = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="api")


async def run_in_pool(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in the pool, with a copy of the context (request ids, say), and return its result.

    A caller that is cancelled meanwhile does not wait for the work to end.
    """
    call = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, call)
