"""The summary of a run names each thing once, and joins what was lost of a file."""

from jobs.archive.footage import FootageNote, FootageProblem
from jobs.archive.segments import Segment
from jobs.archive.stages import FootageGap, ReadReport, SegmentResult
from jobs.archive.summary import RunSummary, describe_run

PIECE_SECONDS = 60.0


def result(minute: int, read: ReadReport) -> SegmentResult:
    return SegmentResult(Segment("cam1", 60.0 * minute, (), ()), (), read)


def lost(*stretches: tuple[str, float, float]) -> ReadReport:
    gaps = tuple(FootageGap(address, a, b - a) for address, a, b in stretches)
    return ReadReport(((0.0, PIECE_SECONDS),), (), (), 0, lost=gaps)


def test_stretches_that_touch_are_one_whatever_order_minutes_end_in() -> None:
    summary = RunSummary("run")
    summary.add(result(2, lost(("a.mp4", 120.0, 130.5), ("a.mp4", 150.0, 151.0))))
    summary.add(result(0, lost(("a.mp4", 50.0, 60.0), ("b.mp4", 0.0, 2.0))))
    summary.add(result(1, lost(("a.mp4", 60.0, 120.0))))

    reasons = {problem.address: problem.reason for problem in summary.problems}
    assert len(summary.problems) == 2
    assert "from 50.0 s to 130.5 s, 150.0 s to 151.0 s" in reasons["a.mp4"]
    assert "from 0.0 s to 2.0 s" in reasons["b.mp4"]
    assert len(summary.lost) == 3


def test_a_file_may_have_several_problems_each_named_once() -> None:
    problems = (FootageProblem("a.mp4", "x", "one"), FootageProblem("a.mp4", "y", "two"))
    notes = (FootageNote("a.mp4", "odd."),)
    summary = RunSummary("run")
    for minute in range(2):
        summary.add(result(minute, ReadReport((), problems, (), 0, notes=notes)))

    assert summary.problems == list(problems)
    assert summary.notes == list(notes)
    assert "Note: a.mp4: odd." in list(describe_run(summary))


def test_footage_that_was_not_covered_does_not_count() -> None:
    summary = RunSummary("run")
    summary.add(result(0, ReadReport(((0.0, 20.0), (30.0, 45.0)), (), (), 0)))

    assert summary.footage_seconds == 35.0
