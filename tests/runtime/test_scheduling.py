"""Compute threads run as SCHED_BATCH, and so do the threads that they start."""

import os
import threading

import pytest

from cluster.runtime.scheduling import use_batch_scheduling


@pytest.fixture(autouse=True)
def default_policy() -> None:
    """Reset the policy of this thread, which earlier tests may have changed."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def policies_in_a_thread() -> list[int]:
    """Policies of a thread before and after the call, and of a thread that it starts then."""
    seen: list[int] = []

    def record() -> None:
        seen.append(os.sched_getscheduler(0))

    def work() -> None:
        record()
        use_batch_scheduling()
        record()
        started = threading.Thread(target=record)
        started.start()
        started.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return seen


def test_a_thread_and_the_threads_it_starts_are_scheduled_as_batch() -> None:
    assert policies_in_a_thread() == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_nothing_changes_where_it_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    assert policies_in_a_thread() == [os.SCHED_OTHER] * 3
