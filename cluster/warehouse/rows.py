"""Rows of the lake and where they lie: one way for the archive job and the live service.

    camera, UTC minute -> PartKey (school, local date)
    ActivityWindow + its place -> row of `activity_windows`
    weights file -> row of `models`

Both must agree to the letter: a minute that both have seen is one part, and the later archive run
takes the place of what was counted live.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cluster.activity.suppression import ActivityWindow, Source
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import PartKey

PART_SECONDS = 60


def part_key_of(school_id: str, zone: ZoneInfo, camera_id: str, starts_at: datetime) -> PartKey:
    """Where a camera's minute belongs in the lake.

    Args:
        school_id: The camera's school.
        zone: The school's; the partition's date is the local one.
        camera_id: Which.
        starts_at: Start of the minute.
    """
    date = starts_at.astimezone(zone).date().isoformat()
    return PartKey(school_id, date, camera_id, starts_at.astimezone(UTC))


def window_row(
    window: ActivityWindow,
    *,
    room_id: str,
    camera_id: str,
    lesson_id: str | None,
    source: Source,
    run_id: str,
    model: str,
) -> dict[str, Any]:
    """A row of `activity_windows`, but for the partition's columns."""
    return {
        **asdict(window),
        "room_id": room_id,
        "camera_id": camera_id,
        "lesson_id": lesson_id,
        "source": source,
        "run_id": run_id,
        "model": model,
    }


def model_row(weights: WeightsFile, first_used_at: datetime) -> dict[str, Any]:
    """A row of `models`."""
    return {
        "model": weights.model_id,
        "sha256": weights.sha256,
        "origin": weights.origin,
        "licence": weights.licence,
        "first_used_at": first_used_at,
    }
