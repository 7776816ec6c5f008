"""`homeroom publish`, `query` and `report`: answers on standard output, words on standard error."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.district import Timetable
from cluster.settings import load_settings
from cluster.warehouse.publish import publish
from tests.cli.command import Homeroom
from tests.conftest import write_settings
from tests.warehouse.test_lake import window, withheld
from tests.warehouse.test_publish import write_windows

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROOMS = "SELECT room_id, name FROM rooms ORDER BY room_id"


def published_school(folder: Path) -> Path:
    """The settings of a school with three windows in its lake, published."""
    path = write_settings(folder)
    settings = load_settings(path)
    late = datetime(2026, 3, 2, 22, 59, 50, tzinfo=UTC)
    write_windows(settings, [window(EIGHT), withheld(EIGHT + timedelta(seconds=10))])
    write_windows(settings, [window(late)], starts_at=late)
    publish(settings, Timetable(), now=EIGHT)
    return path


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_school(tmp_path_factory.mktemp("district"))


def test_publish_prints_rows_and_path(homeroom: Homeroom, settings_file: Path) -> None:
    answer = homeroom("publish", "--settings", settings_file)
    assert answer.code == 0
    assert answer.out == ""
    assert answer.stderr_contains(
        str(load_settings(settings_file).warehouse_dir / "district.duckdb")
    )
    assert answer.stderr_contains("1 schools, 2 rooms, 0 lessons, 3 activity_windows")


def test_publish_prints_json(homeroom: Homeroom, settings_file: Path) -> None:
    answer = homeroom("publish", "--json", "--settings", settings_file)
    assert set(answer.json) == {"path", "rows"}
    assert answer.json["rows"]["activity_windows"] == 3
    link = load_settings(settings_file).warehouse_dir / "district.duckdb"
    assert Path(answer.json["path"]) == link.resolve()


def test_a_publication_that_fails_ends_with_1_and_its_code(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    settings_file = published_school(tmp_path)
    (part,) = load_settings(settings_file).lake_dir.rglob("*T090000Z.parquet")
    part.with_name("copy.parquet").write_bytes(part.read_bytes())
    answer = homeroom("publish", "--json", "--settings", settings_file)
    assert answer.code == 1
    assert answer.json["error"]["code"] == "warehouse_unusable"
    assert answer.stderr_contains("is in the lake twice")


def test_a_query_is_answered_as_a_table(homeroom: Homeroom, settings_file: Path) -> None:
    answer = homeroom("query", "--settings", settings_file, ROOMS)
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines == [["room_id", "name"], ["bus", "Bus", "7"], ["r1", "Room", "1"], ["2", "rows"]]


def test_a_table_shows_what_is_suppressed_as_a_dash(
    homeroom: Homeroom, settings_file: Path
) -> None:
    sql = "SELECT people_max, reading_share FROM activity_windows ORDER BY window_start LIMIT 2"
    answer = homeroom("query", "--settings", settings_file, sql)
    assert [line.split() for line in answer.out.splitlines()][1:3] == [["22", "0.3"], ["4", "–"]]


def test_a_query_as_csv_has_no_formula_and_its_numbers_are_numbers(
    homeroom: Homeroom, settings_file: Path
) -> None:
    sql = "SELECT '=cmd|calc' AS a, 'x;+1' AS b, -1 AS c, ['@d'] AS d, NULL::VARCHAR AS e"
    answer = homeroom("query", "--format", "csv", "--settings", settings_file, sql)
    [row] = csv.DictReader(io.StringIO(answer.out))
    assert row == {"a": "'=cmd|calc", "b": "x;'+1", "c": "-1", "d": "['@d']", "e": ""}


def test_a_query_is_answered_as_csv(homeroom: Homeroom, settings_file: Path) -> None:
    sql = (
        "SELECT room_id, window_start, suppressed, reading_share, 'a, \"b\"' AS text "
        "FROM activity_windows ORDER BY window_start LIMIT 2"
    )
    answer = homeroom("query", "--format", "csv", "--settings", settings_file, sql)
    assert answer.code == 0
    assert list(csv.DictReader(io.StringIO(answer.out))) == [
        {
            "room_id": "r1",
            "window_start": "2026-03-02 08:00:00.000000Z",
            "suppressed": "false",
            "reading_share": "0.3",
            "text": 'a, "b"',
        },
        {
            "room_id": "r1",
            "window_start": "2026-03-02 08:00:10.000000Z",
            "suppressed": "true",
            "reading_share": "",
            "text": 'a, "b"',
        },
    ]


@pytest.mark.parametrize("form", [("--format", "json"), ("--json",), ("--json", "--format", "csv")])
def test_a_query_is_answered_as_json(
    homeroom: Homeroom, settings_file: Path, form: tuple[str, ...]
) -> None:
    answer = homeroom("query", *form, "--settings", settings_file, ROOMS)
    assert answer.code == 0
    assert answer.json == [
        {"room_id": "bus", "name": "Bus 7"},
        {"room_id": "r1", "name": "Room 1"},
    ]


@pytest.mark.parametrize("text", ["[/b]", "[red]", "[bold]x[/bold]"])
def test_a_table_shows_text_as_it_is_and_not_as_markup(
    homeroom: Homeroom, settings_file: Path, text: str
) -> None:
    sql = f"""SELECT '{text}' AS "{text} name" """
    answer = homeroom("query", "--settings", settings_file, sql)
    assert answer.code == 0
    assert answer.out.splitlines()[0].strip() == f"{text} name"
    assert answer.out.splitlines()[1].strip() == text


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize(
    "value",
    ["[1, 2]", "{'a': 1}", "INTERVAL 45 MINUTE", "1.5::DECIMAL(9, 2)", "DATE '2026-03-02'", "NULL"],
)
def test_a_value_of_any_type_is_answered_in_every_format(
    homeroom: Homeroom, settings_file: Path, form: str, value: str
) -> None:
    sql = f"SELECT {value} AS x"
    answer = homeroom("query", "--format", form, "--settings", settings_file, sql)
    assert answer.code == 0
    assert "x" in answer.out


@pytest.mark.parametrize("form", ["table", "json"])
def test_two_columns_of_one_name_are_both_answered(
    homeroom: Homeroom, settings_file: Path, form: str
) -> None:
    sql = "SELECT r.name, s.name FROM rooms r JOIN schools s USING (school_id)"
    answer = homeroom("query", "--format", form, "--settings", settings_file, sql)
    assert answer.code == 0
    assert "Bus 7" in answer.out
    assert "Hill School" in answer.out


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "syntax error"),
        ("DROP TABLE rooms", "only one statement that reads"),
        ("FROM read_text('/etc/passwd')", "disabled by configuration"),
    ],
)
def test_a_query_that_is_rejected_ends_with_1_and_its_code(
    homeroom: Homeroom, settings_file: Path, sql: str, words: str
) -> None:
    answer = homeroom("query", "--json", "--settings", settings_file, sql)
    assert answer.code == 1
    assert answer.json["error"]["code"] == "query_refused"
    assert answer.stderr_contains(words)


def test_a_query_before_the_first_publication_says_what_to_do(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    answer = homeroom("query", "--json", "--settings", write_settings(tmp_path), "SELECT 1")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "warehouse_not_published"
    assert "homeroom publish" in answer.json["error"]["hint"]


def report(homeroom: Homeroom, settings_file: Path, *arguments: str) -> dict[str, object]:
    answer = homeroom("report", *arguments, "--json", "--settings", settings_file)
    assert answer.code == 0, answer.err
    return dict(answer.json)


def test_a_report_of_a_day_takes_the_day_of_the_school(
    homeroom: Homeroom, settings_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "day.svg"
    said = report(homeroom, settings_file, "r1", "2026-03-02", "--out", str(out))
    assert said == {"report": str(out), "windows": 3}  # the last one ends at midnight in Oslo
    assert "<svg" in out.read_text()


def test_a_report_of_a_part_of_a_day_takes_local_times(
    homeroom: Homeroom, settings_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "part.html"
    part = ("r1", "2026-03-02", "--from", "09:00", "--to", "09:45", "--out", str(out))
    assert report(homeroom, settings_file, *part)["windows"] == 2
    assert "09:00:10" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("r9", "2026-03-02"), "there is no room 'r9' in the settings"),
        (("r1", "2026-03-03"), "there are no windows of room 'r1'"),
        (("r1", "2026-03-02", "--from", "nine"), "'nine' is not a time of day"),
        (("r1", "2026-03-02", "--to", "25:00"), "'25:00' is not a time of day"),
        (("r1", "2026-03-02", "--from", "10:00", "--to", "09:00"), "there are no windows"),
        (("r1", "2026-03-02", "--out", "report.pdf"), "a report is .html, .png, .svg, not .pdf"),
    ],
)
def test_a_report_that_cannot_be_made_ends_with_1_and_a_reason(
    homeroom: Homeroom, settings_file: Path, arguments: tuple[str, ...], words: str
) -> None:
    answer = homeroom("report", *arguments, "--settings", settings_file)
    assert answer.code == 1
    assert answer.stderr_contains(words)
    assert list(Path().iterdir()) == []


def test_a_day_that_is_no_date_ends_with_2(homeroom: Homeroom, settings_file: Path) -> None:
    assert homeroom("report", "r1", "monday", "--settings", settings_file).code == 2
