"""The archive job end to end, started as an operator starts it, on real pictures."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cluster.district import Timetable
from cluster.settings import load_settings
from cluster.vision.pose.weights import CLASSROOM_POSE
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query
from tests.conftest import write_settings, write_video
from tests.jobs.running import Ran, parts, run_job

pytestmark = [pytest.mark.ray, pytest.mark.samples]

STARTS = {"gif": "07:00:00", "still": "08:00:50", "walkers": "09:00:00"}


def _gif_frames(path: Path, seconds: int, rate: int) -> Iterator[npt.NDArray[np.uint8]]:
    """The GIF's frames, forwards again and again, at its own size."""
    with av.open(path) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for index in range(seconds * rate):
        yield np.asarray(pictures[index % len(pictures)], np.uint8)


def _still_frames(path: Path, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    picture = cv2.imread(str(path))
    assert picture is not None
    for _ in range(count):
        yield np.asarray(picture[:1002], np.uint8)


@pytest.fixture(scope="module")
def lesson(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A settings file, and a manifest of three clips with known answers."""
    folder = tmp_path_factory.mktemp("lesson")
    settings = write_settings(folder, k=5)
    write_video(
        folder / "gif.mp4", frames=_gif_frames(samples / "classroom.gif", 12, 10), size=(480, 270)
    )
    write_video(
        folder / "still.mp4",
        frames=_still_frames(samples / "classroom-hand-raised.png", 50),
        rate=2,
        size=(1540, 1002),
    )
    rows = [
        f"gif.mp4,cam1,2026-03-02T{STARTS['gif']}Z",
        f"still.mp4,cam1,2026-03-02T{STARTS['still']}Z",
        f"{samples / 'one-by-one.mp4'},cam1,2026-03-02T{STARTS['walkers']}Z",
    ]
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(["path,camera_id,started_at", *rows]))
    return settings, manifest


@pytest.fixture(scope="module")
def ran(lesson: tuple[Path, Path], job_cluster: str) -> Ran:
    settings, manifest = lesson
    return run_job(settings, f"--manifest={manifest}", cluster=job_cluster)


@pytest.fixture(scope="module")
def stored(lesson: tuple[Path, Path], ran: Ran) -> list[dict[str, Any]]:
    """The published windows, through the same query that an analyst uses."""
    assert ran.status == 0, ran.messages
    settings = load_settings(lesson[0])
    publish(settings, Timetable(), now=datetime(2026, 3, 3, tzinfo=UTC))
    sql = "SELECT * FROM activity_windows ORDER BY window_start"
    return run_query(settings, sql).to_pylist()  # type: ignore[no-any-return]


def _of(stored: list[dict[str, Any]], hour: int) -> list[dict[str, Any]]:
    return [row for row in stored if row["window_start"].hour == hour]


def test_four_people_at_desks_are_four_in_every_window_and_nothing_else_is_published(
    stored: list[dict[str, Any]],
) -> None:
    rows = _of(stored, 7)

    assert [row["people_max"] for row in rows] == [4, 4]
    assert all(row["people_mean"] == 4.0 and row["suppressed"] for row in rows)
    assert all(row["hand_raises"] is None and row["unclear_share"] is None for row in rows)


def test_one_hand_held_up_over_a_minutes_edge_is_one_raised_hand(
    stored: list[dict[str, Any]],
) -> None:
    rows = _of(stored, 8)

    assert {row["people_max"] for row in rows} == {5}
    assert sum(row["hand_raises"] for row in rows) == 1
    assert [row["hand_raised_share"] for row in rows[1:]] == [0.2] * len(rows[1:])
    assert {row["standing_share"] for row in rows} == {0.05}


def test_people_who_walk_through_one_at_a_time_are_never_more_than_two(
    stored: list[dict[str, Any]],
) -> None:
    rows = _of(stored, 9)

    assert len(rows) == 14
    assert max(row["people_max"] for row in rows) <= 2
    assert min(row["people_mean"] for row in rows) < 0.5
    assert all(row["suppressed"] for row in rows)


def test_windows_carry_run_model_room_and_local_date(
    stored: list[dict[str, Any]], ran: Ran
) -> None:
    assert {row["run_id"] for row in stored} == {ran.summary["run_id"]}
    model = f"{CLASSROOM_POSE.name}@{CLASSROOM_POSE.sha256[:12]}"
    assert {row["model"] for row in stored} == {model}
    assert {(row["school_id"], row["room_id"], str(row["date"])) for row in stored} == {
        ("hill", "r1", "2026-03-02")
    }


def test_a_second_run_does_nothing_and_reports_it(lesson: tuple[Path, Path], ran: Ran) -> None:
    settings, manifest = lesson
    lake = load_settings(settings).lake_dir
    before = {part: part.stat().st_mtime_ns for part in parts(lake)}

    again = run_job(settings, f"--manifest={manifest}")

    assert again.status == 0
    assert "Nothing to do" in again.messages
    assert again.summary["segments_done"] == 0
    assert again.summary["segments_skipped"] == ran.summary["segments_done"]
    assert {part: part.stat().st_mtime_ns for part in parts(lake)} == before


def test_a_higher_k_replaces_the_windows(
    lesson: tuple[Path, Path], stored: list[dict[str, Any]], job_cluster: str
) -> None:
    settings, manifest = lesson
    known = load_settings(settings)
    text = settings.read_text()
    settings.write_text(text.replace("k = 5", "k = 6"))
    still = manifest.with_name("still-only.csv")
    lines = manifest.read_text().splitlines()
    still.write_text("\n".join([lines[0], lines[2]]))
    try:
        again = run_job(settings, f"--manifest={still}", cluster=job_cluster)
    finally:
        settings.write_text(text)

    assert again.status == 0
    assert again.summary["segments_done"] == 2
    publish(known, Timetable(), now=datetime(2026, 3, 4, tzinfo=UTC))
    sql = "SELECT * FROM activity_windows WHERE hour(window_start) = 8"
    rows = run_query(known, sql).to_pylist()
    assert len(rows) == len(_of(stored, 8))
    assert all(row["suppressed"] and row["hand_raises"] is None for row in rows)
