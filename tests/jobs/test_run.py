"""A run stores a segment's windows, and keeps the shares that were published of them (R3)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.activity.suppression import ActivityWindow
from cluster.district import Place, Timetable
from cluster.settings import Settings
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.published_shares import PublishedShares
from jobs.archive.run import ArchiveRun
from jobs.archive.segments import Plan, Segment
from jobs.archive.stages import ReadReport, SegmentResult
from jobs.archive.summary import RunSummary
from tests.warehouse.test_lake import rows_of, window

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = PartKey("hill", "2026-03-02", "cam1", NINE)
WEIGHTS = WeightsFile("pose", Path("pose.pt"), "0" * 64, "package", "AGPL-3.0")


def store(settings: Settings, analysed: ActivityWindow) -> list[dict[str, Any]]:
    """Store a window of a run as the job does; returns what the lake has then."""
    camera = settings.cameras_by_id["cam1"]
    room = settings.rooms_by_id[camera.room]
    place = Place(camera, room, settings.schools_by_id[room.school])
    segment = Segment("cam1", NINE.timestamp(), (), ())
    lake = Lake(settings.lake_dir)
    run = ArchiveRun(
        Plan((segment,), (), {"cam1": place}, {}, ()),
        settings,
        lake,
        Timetable(),
        WEIGHTS,
        RunSummary(run_id="run-2"),
        started_at=NINE,
        began=0.0,
    )
    covered = ((NINE.timestamp(), NINE.timestamp() + 60),)
    run._store(SegmentResult(segment, (analysed,), ReadReport(covered, (), (), 0)))
    part = lake.read_part(KEY)
    assert part is not None
    return part[1]


def test_a_run_replaces_windows_that_were_not_published(school: Settings) -> None:
    Lake(school.lake_dir).write_part(KEY, PartMetadata("a", ()), rows_of([window(NINE)]))
    (row,) = store(school, window(NINE, reading_share=0.6))
    assert (row["run_id"], row["reading_share"]) == ("run-2", 0.6)


def test_a_run_keeps_the_shares_that_were_published(school: Settings) -> None:
    Lake(school.lake_dir).write_part(KEY, PartMetadata("a", ()), rows_of([window(NINE)]))
    PublishedShares(school.lake_dir).add_runs(["run-1"])
    (row,) = store(school, window(NINE, reading_share=0.6))
    assert (row["run_id"], row["reading_share"]) == ("run-1", 0.3)
