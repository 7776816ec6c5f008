"""Threads that compute do not interrupt others when they wake up."""

import os
import threading

import pytest

from cluster.runtime.scheduling import use_batch_scheduling


@pytest.fixture(autouse=True)
def as_a_new_process_is() -> None:
    """What a thread starts with, whatever earlier tests did to the one that runs them all."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def policies_in_a_thread() -> list[int]:
    """Of a thread before and after, and of one that it then starts."""
    seen: list[int] = []

    def look() -> None:
        seen.append(os.sched_getscheduler(0))

    def work() -> None:
        look()
        use_batch_scheduling()
        look()
        started = threading.Thread(target=look)
        started.start()
        started.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return seen


def test_a_thread_and_those_that_it_starts_compute_in_longer_stretches() -> None:
    assert policies_in_a_thread() == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_where_it_is_forbidden_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    assert policies_in_a_thread() == [os.SCHED_OTHER] * 3
