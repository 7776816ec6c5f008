"""How threads that compute share their cores with those that answer."""

import os
from contextlib import suppress


def use_batch_scheduling() -> None:
    """Let this thread, and those that it starts from now on, compute in longer stretches.

    Linux's SCHED_BATCH (sched(7)): such a thread does not interrupt another when it wakes up, so
    that decoders and networks that share a core change places less often. Shares of the core stay
    the same. Elsewhere, and where a container forbids it, nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
