"""`homeroom roster`: what would change, what changed, what could not be used, who is in a class."""

from pathlib import Path

import pytest

from cluster.demo.sample_roster import write_sample_roster
from cluster.warehouse.lake import utc_now
from tests.cli.command import Homeroom

SETTINGS = """
[[schools]]
id = "hillside-school"
name = "Hillside School"
timezone = "Europe/London"
[[rooms]]
id = "room-12"
school = "hillside-school"
name = "Room 12"
"""


@pytest.fixture
def installed(homeroom: Homeroom) -> Homeroom:
    """The command in a folder with settings and a sample roster."""
    Path("homeroom.toml").write_text(SETTINGS)
    write_sample_roster(Path("sample"), today=utc_now().date())
    return homeroom


def test_a_dry_run_shows_what_would_change_and_changes_nothing(installed: Homeroom) -> None:
    answer = installed("roster", "import", "sample", "--dry-run")
    assert answer.code == 0
    assert answer.stderr_contains("rows would change, 0 rows could not be used.")
    assert "enrollments" in answer.out
    assert installed("roster", "list", "--json").json == []


def test_an_import_is_counted_and_the_second_changes_nothing(installed: Homeroom) -> None:
    first = installed("roster", "import", "sample", "--json").json
    assert (first["dry_run"], first["bad_rows"]) == (False, [])
    assert first["counts"]["users"]["added"] == 20
    again = installed("roster", "import", "sample")
    assert again.code == 0
    assert again.stderr_contains("0 rows changed, 0 rows could not be used.")


def test_a_bad_row_is_named_and_the_rest_is_imported(installed: Homeroom) -> None:
    with Path("sample/enrollments.csv").open("a") as stream:
        stream.write("e9,,,class-7b-science,hillside-school,[bold]x,student,false,,\r\n")
    answer = installed("roster", "import", "sample", "--json")
    assert answer.code == 3
    assert answer.stderr_contains("enrollments.csv:16: userSourcedId: no user is '[bold]x'")
    assert answer.json["bad_rows"][0]["column"] == "userSourcedId"
    assert answer.json["counts"]["users"]["added"] == 20


def test_of_very_many_bad_rows_the_first_are_shown(installed: Homeroom) -> None:
    with Path("sample/enrollments.csv").open("a") as stream:
        stream.write("short\r\n" * 130)
    answer = installed("roster", "import", "sample")
    assert answer.stderr_contains("enrollments.csv:115: has 1 cells")
    assert not answer.stderr_contains("enrollments.csv:116: has 1 cells")
    assert answer.stderr_contains("and 30 more; --json gives all of them.")


def test_a_roster_that_cannot_be_read_is_an_error_in_words(installed: Homeroom) -> None:
    answer = installed("roster", "import", "nowhere", "--json")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "roster_invalid"


def test_a_list_that_lost_most_is_refused_until_yes(installed: Homeroom) -> None:
    write_sample_roster(Path("sample"), students=40, today=utc_now().date())
    installed("roster", "import", "sample")
    write_sample_roster(Path("sample"), students=3, today=utc_now().date())
    refused = installed("roster", "import", "sample")
    assert refused.code == 1
    assert refused.stderr_contains("import it with --yes")
    assert installed("roster", "import", "sample", "--yes").code == 0


def test_a_timetable_is_shown_then_imported(installed: Homeroom) -> None:
    installed("roster", "import", "sample")
    shown = installed("roster", "timetable", "sample/timetable.csv", "--dry-run", "--json").json
    assert shown["changes"] > 200
    done = installed("roster", "timetable", "sample/timetable.csv", "--json").json
    assert done["counts"] == shown["counts"]
    again = installed("roster", "timetable", "sample/timetable.csv")
    assert again.stderr_contains("0 rows changed")


def test_classes_are_listed_and_a_class_by_name(installed: Homeroom) -> None:
    installed("roster", "import", "sample")
    assert installed("roster", "list", "--json").json == [
        {"class": "class-7b-art", "title": "7B Art", "school": "Hillside School", "students": 4},
        {
            "class": "class-7b-science",
            "title": "7B Science",
            "school": "Hillside School",
            "students": 8,
        },
    ]
    answer = installed("roster", "list", "--class", "class-7b-science")
    assert "student-8" in answer.out
    assert "8 students" in answer.out


def test_a_class_that_is_not_there_is_named(installed: Homeroom) -> None:
    answer = installed("roster", "list", "--class", "9z")
    assert answer.code == 1
    assert answer.stderr_contains("no class '9z'")


def test_names_are_not_in_the_database_file(installed: Homeroom) -> None:
    installed("roster", "import", "sample")
    answer = installed("roster", "list", "--class", "class-7b-science", "--json").json
    family = answer[0]["name"].split()[-1]
    assert family in Path("sample/users.csv").read_text()
    for file in Path("homeroom-data/records").iterdir():
        assert family.encode() not in file.read_bytes()
