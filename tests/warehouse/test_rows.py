"""Rows and places of the lake: the same for the archive job and the live service."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cluster.settings import Settings
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import PartKey
from cluster.warehouse.rows import make_part_key, model_row, window_row
from cluster.warehouse.schema import ACTIVITY_WINDOWS, MODELS, PARTITION_COLUMNS
from jobs.archive.segments import Segment, part_key
from tests.warehouse.test_lake import window

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "date"),
    [
        ("Europe/Oslo", "2026-03-02T22:59:00+00:00", "2026-03-02"),
        ("Europe/Oslo", "2026-03-02T23:00:00+00:00", "2026-03-03"),
        ("Europe/Oslo", "2026-07-01T22:00:00+00:00", "2026-07-02"),
        ("America/Chicago", "2026-03-02T05:59:00+00:00", "2026-03-01"),
        ("Pacific/Kiritimati", "2026-03-02T10:00:00+00:00", "2026-03-03"),
    ],
)
def test_a_minute_belongs_to_the_date_at_its_school(zone: str, moment: str, date: str) -> None:
    starts_at = datetime.fromisoformat(moment)
    expected = PartKey("hill", date, "cam1", starts_at)
    assert make_part_key("hill", ZoneInfo(zone), "cam1", starts_at) == expected
    elsewhere = starts_at.astimezone(ZoneInfo("Asia/Kolkata"))
    assert make_part_key("hill", ZoneInfo(zone), "cam1", elsewhere) == expected


def test_the_archive_job_has_the_same_place_for_a_minute(school: Settings) -> None:
    late = NINE + timedelta(hours=14)
    segment = Segment("cam1", late.timestamp(), (), ())
    zone = school.schools_by_id["hill"].zone
    assert part_key(segment, school.schools[0]) == make_part_key("hill", zone, "cam1", late)


def test_rows_have_the_columns_of_their_tables() -> None:
    row = window_row(
        window(NINE),
        room_id="r1",
        camera_id="cam1",
        lesson_id=None,
        source="live",
        run_id="live-20260302",
        model="pose@1",
    )
    assert set(row) == {*ACTIVITY_WINDOWS.arrow(without=PARTITION_COLUMNS).names}
    weights = WeightsFile("pose", Path("pose.pt"), "0" * 64, "package", "AGPL-3.0")
    assert set(model_row(weights, NINE)) == set(MODELS.arrow().names)
