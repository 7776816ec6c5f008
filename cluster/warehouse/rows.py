"""Rows of the lake and keys of parts, the same for the archive job and the live service.

    camera, UTC minute -> PartKey (school, local date)
    ActivityWindow + its place -> row of `activity_windows`
    weights file -> row of `models`

Both must give exactly the same: a minute that both have analysed is one part, and a later archive
run replaces what was counted live.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cluster.activity.suppression import ActivityWindow, Source
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import PartKey

PART_SECONDS = 60


def make_part_key(school_id: str, zone: ZoneInfo, camera_id: str, starts_at: datetime) -> PartKey:
    """Return the key of a camera's minute in the lake.

    Args:
        school_id: The camera's school.
        zone: Time zone of the school; the partition has the local date.
        camera_id: The camera.
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
    """Return a row of `activity_windows`, without the partition's columns."""
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
    """Return a row of `models`."""
    return {
        "model": weights.model_id,
        "sha256": weights.sha256,
        "origin": weights.origin,
        "licence": weights.licence,
        "first_used_at": first_used_at,
    }
