"""What is sent to a Ray cluster with the job: settings without secrets, and the lessons."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.records.timetable.dated_csv import read_dated_timetable
from cluster.records.timetable.lessons import load_timetable
from cluster.settings import load_settings
from jobs.archive.submission import FootageArguments, _write_package
from tests.conftest import write_settings

HEADER = "lesson_id,room_id,class_id,starts_at,ends_at\n"
LESSON = "l1,r1,7b,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    return folder


def absolute_settings(folder: Path, timetable: str | None = None) -> Path:
    """Settings with an absolute data folder; and a timetable with these rows."""
    path = write_settings(folder, data_dir=str(folder / "data"))
    if timetable is not None:
        (folder / "timetable.csv").write_text(HEADER + timetable)
        path.write_text(f'timetable = "timetable.csv"\n{path.read_text()}')
    return path


def sent_lessons(package: Path) -> list[str]:
    settings = load_settings(package / "homeroom.toml")
    assert settings.timetable is None
    timetable = read_dated_timetable(package / "lessons.csv", settings)
    return [lesson.lesson_id for lesson in timetable.lessons]


def test_without_lessons_here_the_job_reads_its_own(tmp_path: Path, package: Path) -> None:
    options = _write_package(package, absolute_settings(tmp_path), None)
    assert options == ["--settings=homeroom.toml"]
    assert [file.name for file in package.iterdir()] == ["homeroom.toml"]
    assert load_settings(package / "homeroom.toml").data_dir == tmp_path / "data"


def test_a_timetable_of_the_settings_is_sent_and_no_records_are_made(
    tmp_path: Path, package: Path
) -> None:
    options = _write_package(package, absolute_settings(tmp_path, LESSON), None)
    assert options == ["--settings=homeroom.toml", "--lessons=lessons.csv"]
    assert sent_lessons(package) == ["l1"]
    assert not (tmp_path / "data").exists()


def test_an_empty_timetable_is_sent_as_one(tmp_path: Path, package: Path) -> None:
    options = _write_package(package, absolute_settings(tmp_path, ""), None)
    assert "--lessons=lessons.csv" in options
    assert sent_lessons(package) == []


def test_lessons_of_the_records_are_sent(tmp_path: Path, package: Path) -> None:
    path = absolute_settings(tmp_path, LESSON)
    load_timetable(load_settings(path), now=NOW)
    path.write_text(path.read_text().replace('timetable = "timetable.csv"\n', ""))
    _write_package(package, path, None)
    assert sent_lessons(package) == ["l1"]


def test_a_file_of_lessons_is_sent_instead(tmp_path: Path, package: Path) -> None:
    lessons = tmp_path / "mine.csv"
    lessons.write_text(HEADER + LESSON.replace("l1", "mine"))
    _write_package(package, absolute_settings(tmp_path, LESSON), lessons)
    assert sent_lessons(package) == ["mine"]


def test_settings_of_the_environment_are_sent(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = absolute_settings(tmp_path)
    monkeypatch.setenv("HOMEROOM_PRIVACY__K", "17")
    _write_package(package, path, None)
    monkeypatch.delenv("HOMEROOM_PRIVACY__K")
    assert load_settings(package / "homeroom.toml").privacy.k == 17


def test_a_relative_data_folder_is_rejected(tmp_path: Path, package: Path) -> None:
    with pytest.raises(SettingsError, match="absolute path"):
        _write_package(package, write_settings(tmp_path), None)


def test_what_is_named_cannot_become_an_option_and_local_paths_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "footage").mkdir()
    (tmp_path / "list.csv").touch()
    named = FootageArguments(
        ["footage", "--json", "s3://a/b"], manifest="list.csv", camera_id="c", started_at="t"
    )
    assert named.to_command_line() == [
        f"--manifest={tmp_path / 'list.csv'}",
        "--camera=c",
        "--started-at=t",
        "--",
        str(tmp_path / "footage"),
        "--json",
        "s3://a/b",
    ]
