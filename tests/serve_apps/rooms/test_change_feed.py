"""Whoever waits for changes hears of them at once, whatever they came of."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from cluster.district import Lesson, Timetable
from cluster.settings import Settings
from serve_apps.clients.types import Changes
from serve_apps.rooms.change_feed import WatchedRoomState
from tests.serve_apps.rooms.test_room_state import NOW, live, report, settings

__all__ = ["settings"]

LONG = 30.0
SOON = 5.0
LESSON = Lesson("l1", "r1", "c1", NOW, NOW + timedelta(hours=1))

Change = Callable[[WatchedRoomState, Settings], None]

CHANGES: dict[str, Change] = {
    "a report": lambda board, _: board.take(report("front", 12), [], NOW),
    "a window": lambda board, _: board.take(report("front", None), [live("front", 12)], NOW),
    "time": lambda board, _: board.tick(NOW + timedelta(minutes=5)),
    "other lessons": lambda board, settings: board.use(settings, Timetable([LESSON]), NOW),
    "a lost reader": lambda board, _: board.lose(["front", "back"], NOW),
}


def waited(board: WatchedRoomState, change: Callable[[], None] | None, seconds: float) -> Changes:
    """What somebody is told who waits while something happens."""

    async def both() -> Changes:
        waiting = asyncio.create_task(board.changes_after(None, seconds))
        await asyncio.sleep(0.05)
        if change is not None:
            change()
        return await waiting

    return asyncio.run(both())


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_a_room_wakes_those_who_wait(settings: Settings, what: str) -> None:
    board = WatchedRoomState(settings, NOW)
    board.tick(NOW)
    if what == "time":
        board.take(report("front", 12), [], NOW)
    began = time.monotonic()
    told = waited(board, lambda: CHANGES[what](board, settings), LONG)
    assert time.monotonic() - began < SOON
    assert told.rooms or told.windows
    assert told.last_id == board.last_id


def test_where_nothing_happens_the_wait_ends_with_nothing_told(settings: Settings) -> None:
    board = WatchedRoomState(settings, NOW)
    board.tick(NOW)
    told = waited(board, None, 0.2)
    assert (told.rooms, told.windows, told.complete) == ((), (), True)


def test_what_has_happened_already_is_not_waited_for(settings: Settings) -> None:
    board = WatchedRoomState(settings, NOW)
    before = board.last_id
    board.tick(NOW)
    began = time.monotonic()
    told = asyncio.run(board.changes_after(before, LONG))
    assert time.monotonic() - began < SOON
    assert {room.room_id for room in told.rooms} == {"r1", "r2"}


def test_a_change_is_told_whole(settings: Settings) -> None:
    board = WatchedRoomState(settings, NOW)
    told = waited(board, lambda: board.tick(NOW), LONG)
    assert {room.room_id for room in told.rooms} == {"r1", "r2"}
