"""`homeroom roster`: previews, imports, bad rows, and lists of classes and students."""

from datetime import timedelta
from pathlib import Path

import pytest

from cluster.clock import utc_now
from cluster.demo.sample_roster import write_sample_roster
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
def command(homeroom: Homeroom) -> Homeroom:
    """Return the command, in a folder with settings and a sample roster."""
    Path("homeroom.toml").write_text(SETTINGS)
    write_sample_roster(Path("sample"), today=utc_now().date())
    return homeroom


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    command: Homeroom,
) -> None:
    answer = command("roster", "import", "sample", "--dry-run")
    assert answer.code == 0
    assert answer.stderr_contains("rows would change, 0 rows could not be used.")
    assert "enrollments" in answer.out
    assert command("roster", "list", "--json").json == []


def test_an_import_is_counted_and_repeating_it_changes_nothing(
    command: Homeroom,
) -> None:
    first = command("roster", "import", "sample", "--json").json
    assert (first["dry_run"], first["bad_rows"]) == (False, [])
    assert first["counts"]["users"]["added"] == 20
    again = command("roster", "import", "sample")
    assert again.code == 0
    assert again.stderr_contains("0 rows changed, 0 rows could not be used.")


def test_a_bad_row_is_reported_and_the_rest_is_imported(command: Homeroom) -> None:
    with Path("sample/enrollments.csv").open("a") as stream:
        stream.write("e9,,,class-7b-science,hillside-school,[bold]x,student,false,,\r\n")
    answer = command("roster", "import", "sample", "--json")
    assert answer.code == 3
    assert answer.stderr_contains("enrollments.csv:16: userSourcedId: no user is '[bold]x'")
    assert answer.json["bad_rows"][0]["column"] == "userSourcedId"
    assert answer.json["counts"]["users"]["added"] == 20


def test_only_the_first_of_many_bad_rows_are_printed(command: Homeroom) -> None:
    with Path("sample/enrollments.csv").open("a") as stream:
        stream.write("short\r\n" * 130)
    answer = command("roster", "import", "sample")
    assert answer.stderr_contains("enrollments.csv:115: has 1 cells")
    assert not answer.stderr_contains("enrollments.csv:116: has 1 cells")
    assert answer.stderr_contains("and 30 more; --json gives all of them.")


def test_a_roster_that_cannot_be_read_is_reported_as_an_error(
    command: Homeroom,
) -> None:
    answer = command("roster", "import", "nowhere", "--json")
    assert answer.code == 1
    assert answer.json["error"]["code"] == "roster_invalid"


def test_a_list_that_lacks_most_rows_is_rejected_without_yes(
    command: Homeroom,
) -> None:
    write_sample_roster(Path("sample"), students=40, today=utc_now().date())
    command("roster", "import", "sample")
    write_sample_roster(Path("sample"), students=3, today=utc_now().date())
    rejected = command("roster", "import", "sample")
    assert rejected.code == 1
    assert rejected.stderr_contains("homeroom roster import FOLDER --yes")
    assert command("roster", "import", "sample", "--yes").code == 0


def test_a_timetable_is_previewed_then_imported(command: Homeroom) -> None:
    command("roster", "import", "sample")
    preview = command("roster", "timetable", "sample/timetable.csv", "--dry-run", "--json").json
    assert preview["changes"] > 200
    done = command("roster", "timetable", "sample/timetable.csv", "--json").json
    assert done["counts"] == preview["counts"]
    again = command("roster", "timetable", "sample/timetable.csv")
    assert again.stderr_contains("0 rows changed")


def test_classes_are_listed_and_a_class_with_names(command: Homeroom) -> None:
    command("roster", "import", "sample")
    assert command("roster", "list", "--json").json == [
        {"class": "class-7b-art", "title": "7B Art", "school": "Hillside School", "students": 4},
        {
            "class": "class-7b-science",
            "title": "7B Science",
            "school": "Hillside School",
            "students": 8,
        },
    ]
    answer = command("roster", "list", "--class", "class-7b-science")
    assert "student-8" in answer.out
    assert "8 students" in answer.out


def test_an_unknown_class_is_reported(command: Homeroom) -> None:
    answer = command("roster", "list", "--class", "9z")
    assert answer.code == 1
    assert answer.stderr_contains("no class '9z'")


def test_names_are_not_in_the_files_of_the_database(command: Homeroom) -> None:
    command("roster", "import", "sample")
    answer = command("roster", "list", "--class", "class-7b-science", "--json").json
    family = answer[0]["name"].split()[-1]
    assert family in Path("sample/users.csv").read_text()
    for file in Path("homeroom-data/records").iterdir():
        assert family.encode() not in file.read_bytes()


def test_a_bad_row_of_dated_lessons_is_reported_and_the_others_are_imported(
    command: Homeroom,
) -> None:
    command("roster", "import", "sample")
    day = utc_now().date() + timedelta(days=7)
    rows = [
        f"l{n},{room},7b,{day}T0{n}:00Z,{day}T0{n}:45Z" for n, room in ((1, "room-12"), (2, "x"))
    ]
    Path("lessons.csv").write_text(
        "\n".join(["lesson_id,room_id,class_id,starts_at,ends_at", *rows])
    )
    answer = command("roster", "timetable", "lessons.csv", "--json")
    assert answer.code == 3
    assert answer.stderr_contains("lessons.csv:3: room_id: there is no room 'x' in the settings")
    assert answer.json["counts"]["lessons"]["added"] == 1


def test_lessons_are_left_out_on_days_that_the_options_close(command: Homeroom) -> None:
    command("roster", "import", "sample")
    day = utc_now().date() + timedelta(days=7)
    Path("hours.csv").write_text(
        "class,room,weekday,period,from,to,week\n"
        f"class-7b-art,room-12,{day:%A},P1,{day},{day + timedelta(days=21)},B\n"
    )
    Path("bells.csv").write_text("period;start;end\nP1;08:00;08:45\n")
    Path("closed.csv").write_text(f"from\n{day + timedelta(days=7)}\n")
    options = ("--bells", "bells.csv", "--closures", "closed.csv", f"--week-a={day}")
    answer = command("roster", "timetable", "hours.csv", *options, "--json")
    assert (answer.code, answer.json["closed"]) == (0, 1)
    assert answer.json["counts"]["lessons"]["added"] == 1
    assert answer.stderr_contains("1 lessons are left out: their school is closed on that day.")
