"""Every kind of change wakes those who wait for one."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from cluster.district import Lesson, Timetable
from cluster.settings import Settings
from serve_apps.clients.types import Changes
from serve_apps.rooms.room_state import RoomState
from tests.serve_apps.rooms.test_room_state import NOW, finished, report, settings

__all__ = ["settings"]

WAIT_SECONDS = 30.0
MAX_WAKE_SECONDS = 5.0
LESSON = Lesson("l1", "r1", "c1", NOW, NOW + timedelta(hours=1))

Change = Callable[[RoomState, Settings], None]

CHANGES: dict[str, Change] = {
    "a report": lambda state, _: state.apply_report(report("front", 12), [], NOW),
    "a window": lambda state, _: state.apply_report(
        report("front", None), [finished("front", 12)], NOW
    ),
    "time": lambda state, _: state.refresh(NOW + timedelta(minutes=5)),
    "other lessons": lambda state, settings: state.reconfigure(settings, Timetable([LESSON]), NOW),
    "a lost reader": lambda state, _: state.mark_lost(["front", "back"], NOW),
}


def changes_during(state: RoomState, change: Callable[[], None] | None, seconds: float) -> Changes:
    """The changes that a waiter gets while something happens."""

    async def both() -> Changes:
        waiting = asyncio.create_task(state.changes_after(None, seconds))
        await asyncio.sleep(0.05)
        if change is not None:
            change()
        return await waiting

    return asyncio.run(both())


@pytest.mark.parametrize("what", CHANGES)
def test_every_kind_of_change_wakes_the_waiters(settings: Settings, what: str) -> None:
    state = RoomState(settings, NOW)
    state.refresh(NOW)
    if what == "time":
        state.apply_report(report("front", 12), [], NOW)
    began = time.monotonic()
    changes = changes_during(state, lambda: CHANGES[what](state, settings), WAIT_SECONDS)
    assert time.monotonic() - began < MAX_WAKE_SECONDS
    assert changes.rooms or changes.windows
    assert changes.last_id == state.last_id


def test_the_wait_ends_without_changes_where_nothing_happens(settings: Settings) -> None:
    state = RoomState(settings, NOW)
    state.refresh(NOW)
    changes = changes_during(state, None, 0.2)
    assert (changes.rooms, changes.windows, changes.complete) == ((), (), True)


def test_there_is_no_wait_for_a_change_that_has_happened(settings: Settings) -> None:
    state = RoomState(settings, NOW)
    before = state.last_id
    state.refresh(NOW)
    began = time.monotonic()
    changes = asyncio.run(state.changes_after(before, WAIT_SECONDS))
    assert time.monotonic() - began < MAX_WAKE_SECONDS
    assert {room.room_id for room in changes.rooms} == {"r1", "r2"}


def test_a_waiter_sees_a_change_complete(settings: Settings) -> None:
    state = RoomState(settings, NOW)
    changes = changes_during(state, lambda: state.refresh(NOW), WAIT_SECONDS)
    assert {room.room_id for room in changes.rooms} == {"r1", "r2"}
