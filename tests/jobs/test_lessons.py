"""From a timetable file to lessons in the warehouse, through the commands that operators use."""

import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.demo.sample_roster import SCIENCE, write_sample_roster
from tests.conftest import write_video

pytestmark = pytest.mark.ray

SETTINGS = """
[[schools]]
id = "hillside-school"
name = "Hillside School"
timezone = "UTC"
[[rooms]]
id = "room-12"
school = "hillside-school"
name = "Room 12"
[[cameras]]
id = "front"
room = "room-12"
input_size = 640
"""
DAY = (datetime.now(UTC) - timedelta(days=7)).date()
LENGTH = timedelta(minutes=45)
BEGINS_BEFORE_LESSON = timedelta(seconds=10)
FOOTAGE_SECONDS = 20.0


def homeroom(folder: Path, *arguments: str, cluster: str | None = None) -> Any:
    """Run a command that starts no Ray, and return its answer in JSON."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(
            app, [*arguments, "--json"], catch_exceptions=False, env={"RAY_ADDRESS": cluster}
        )
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def analyse(folder: Path, *arguments: str) -> Any:
    """Run `homeroom analyse` as an operator does, and return its answer in JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "cluster.cli.main", "analyse", *arguments, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_weekly(folder: Path, starts_at: datetime) -> Path:
    path = folder / "timetable.csv"
    hours = f"{starts_at:%A},{starts_at:%H:%M},{starts_at + LENGTH:%H:%M}"
    path.write_text(f"class,room,weekday,start,end,from,to\n7B-SCI,Room 12,{hours},{DAY},{DAY}\n")
    return path


def write_calendar(folder: Path, starts_at: datetime) -> Path:
    path = folder / "timetable.ics"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", "UID:1"]
    lines += [f"DTSTART:{starts_at:%Y%m%dT%H%M%SZ}", f"DTEND:{starts_at + LENGTH:%Y%m%dT%H%M%SZ}"]
    lines += ["SUMMARY:7B Science", "LOCATION:room-12", "END:VEVENT", "END:VCALENDAR"]
    path.write_text("\r\n".join([*lines, ""]))
    return path


def write_dated(folder: Path, starts_at: datetime) -> Path:
    path = folder / "lessons.csv"
    times = f"{starts_at.isoformat()},{(starts_at + LENGTH).isoformat()}"
    header = "lesson_id,room_id,class_id,starts_at,ends_at"
    path.write_text(f"{header}\nscience-1,room-12,{SCIENCE},{times}\n")
    return path


def write_footage(folder: Path, starts_at: datetime) -> Path:
    """Write a clip that begins ten seconds before a lesson."""
    begins = starts_at - BEGINS_BEFORE_LESSON
    return write_video(folder / f"front_{begins:%Y%m%dT%H%M%SZ}.mp4", seconds=FOOTAGE_SECONDS)


def at(hour: int) -> datetime:
    return datetime.combine(DAY, time(hour), UTC)


def analyse_and_publish(folder: Path, starts: list[datetime], cluster: str | None = None) -> None:
    """Analyse a clip of each lesson; see that windows and `lesson_activity` name its lesson."""
    footage = [str(write_footage(folder, starts_at)) for starts_at in starts]
    if cluster:
        homeroom(folder, "analyse", *footage, cluster=cluster)
    else:
        analyse(folder, *footage)
    assert homeroom(folder, "publish")["rows"]["lessons"] == len(starts)

    lessons = homeroom(folder, "query", "FROM lesson_activity ORDER BY starts_at")
    windows = homeroom(
        folder, "query", "SELECT lesson_id FROM activity_windows ORDER BY window_start"
    )
    expected = [name for lesson in lessons for name in (None, lesson["lesson_id"])]
    assert [row["lesson_id"] for row in windows] == expected
    assert len(set(expected)) == 1 + len(starts)
    assert [datetime.fromisoformat(lesson["starts_at"]) for lesson in lessons] == starts
    for lesson in lessons:
        assert lesson["room_id"] == "room-12"
        assert lesson["class_id"] == SCIENCE
        assert lesson["windows"] == 1


def test_an_imported_timetable_reaches_windows_and_warehouse(tmp_path: Path) -> None:
    (tmp_path / "homeroom.toml").write_text(SETTINGS)
    write_sample_roster(tmp_path / "roster", today=DAY)
    homeroom(tmp_path, "roster", "import", "roster")
    starts = [at(9), at(11), at(13)]
    for count, write_timetable in enumerate([write_weekly, write_calendar, write_dated], start=1):
        file = write_timetable(tmp_path, starts[count - 1])
        homeroom(tmp_path, "roster", "timetable", file.name)
        assert homeroom(tmp_path, "check")["lessons"] == count

    analyse_and_publish(tmp_path, starts)


def test_a_timetable_that_the_settings_name_needs_no_import_and_no_roster(
    tmp_path: Path, job_cluster: str
) -> None:
    file = write_dated(tmp_path, at(9))
    (tmp_path / "homeroom.toml").write_text(f'timetable = "{file.name}"\n{SETTINGS}')
    assert homeroom(tmp_path, "check")["lessons"] == 1

    analyse_and_publish(tmp_path, [at(9)], job_cluster)

    assert homeroom(tmp_path, "query", "SELECT lesson_id FROM lessons") == [
        {"lesson_id": "science-1"}
    ]
