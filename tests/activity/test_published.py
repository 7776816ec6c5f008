"""A published window carries only ids and times that the lake can store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import suppress_window
from cluster.activity.windows import WindowCounts

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def published(start: datetime = START, **changes: Any) -> PublishedWindow:
    counts = suppress_window(WindowCounts(start), k=10, headcount_only=False)
    ids = {"camera_id": "cam1", "room_id": "r1", "school_id": "hill", **changes}
    return PublishedWindow(window=counts, **ids)


def test_a_window_begins_without_the_ids_that_are_assigned_later() -> None:
    window = published()
    assert (window.lesson_id, window.model, window.number, window.event_id) == (None, "", 0, 0)


@pytest.mark.parametrize("name", ["camera_id", "room_id", "school_id"])
@pytest.mark.parametrize("value", ["", "a/b", "../x", "cam\n1"])
def test_an_id_that_is_unsafe_in_a_file_name_is_rejected(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|least"):
        published(START, **{name: value})


@pytest.mark.parametrize("start", [START + timedelta(seconds=3), START.replace(tzinfo=None)])
def test_a_window_off_the_ten_second_grid_is_rejected(start: datetime) -> None:
    with pytest.raises(ValueError, match="cannot start"):
        published(start)
