"""Scheduling of compute threads in processes whose other threads must respond quickly."""

import os
from contextlib import suppress


def use_batch_scheduling() -> None:
    """Schedule this thread, and those that it starts from now on, as SCHED_BATCH.

    Such a thread does not preempt another when it wakes up (sched(7)), so that decoders and
    networks that share a core switch less often; their shares of the core stay the same. Does
    nothing on other systems than Linux, and where a container forbids it.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
