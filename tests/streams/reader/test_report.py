"""Windows stay in the outbox until they are acknowledged."""

from datetime import UTC, datetime, timedelta

import pytest

from cluster.activity.suppression import ActivityWindow
from cluster.streams.reader import report
from cluster.streams.reader.report import Outbox

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def window(number: int) -> ActivityWindow:
    return ActivityWindow(
        window_start=START + timedelta(seconds=10 * number),
        frames=20,
        people_max=3,
        people_mean=3.0,
        suppressed=True,
        hand_raised_share=None,
        reading_share=None,
        writing_share=None,
        head_down_share=None,
        standing_share=None,
        unclear_share=None,
        hand_raises=None,
    )


def filled(count: int) -> Outbox:
    outbox = Outbox()
    for number in range(count):
        outbox.add("cam1", "r1", "hill", window(number), k=10)
    return outbox


def test_windows_that_were_not_acknowledged_are_sent_again() -> None:
    outbox = filled(3)
    first = outbox.next_batch()
    assert outbox.next_batch() == first
    outbox.acknowledge(first[1].number)
    assert outbox.next_batch() == first[2:]


def test_an_acknowledgement_of_nothing_removes_nothing() -> None:
    outbox = filled(2)
    outbox.acknowledge(0)
    assert len(outbox.next_batch()) == 2


def test_a_report_is_bounded() -> None:
    outbox = filled(report.MAX_WINDOWS_PER_REPORT + 1)
    assert len(outbox.next_batch()) == report.MAX_WINDOWS_PER_REPORT


def test_a_full_outbox_drops_the_oldest_window_and_counts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "MAX_WINDOWS", 2)
    outbox = filled(3)
    assert [w.window.window_start for w in outbox.next_batch()] == [
        START + timedelta(seconds=10),
        START + timedelta(seconds=20),
    ]
    assert outbox.lost == 1
