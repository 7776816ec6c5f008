"""`homeroom init` and `check`: a first file that explains itself, and faults named with place."""

import tomllib
import typing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import BaseModel

from cluster.cli.settings_file import FirstSchool, render_settings
from cluster.settings import Settings, load_settings
from tests.cli.command import Homeroom
from tests.conftest import write_settings
from tests.plugins.hypothesis_profiles import examples

NO_LESSONS = (
    "there are no lessons, so windows will name none: import a timetable with `homeroom roster "
    "timetable`, or name one under `timetable`"
)
TABLES = ("schools", "rooms", "cameras")


def models_of_the_file() -> dict[str, type[BaseModel]]:
    """Each table of the settings file, by its header; the top has an empty one."""
    found: dict[str, type[BaseModel]] = {"": Settings}
    for name, field in Settings.model_fields.items():
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found[f"[[{name}]]" if name in TABLES else f"[{name}]"] = kind
    return found


def sections_of(text: str) -> dict[str, list[str]]:
    """The lines below each header."""
    sections: dict[str, list[str]] = {"": []}
    lines = sections[""]
    for line in text.splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line, [])
        else:
            lines.append(line)
    return sections


def test_what_init_writes_is_accepted_by_check(homeroom: Homeroom) -> None:
    written = homeroom("init")
    assert written.code == 0
    assert written.stderr_contains("Wrote homeroom.toml")
    checked = homeroom("check")
    assert checked.code == 0
    assert checked.stderr_contains("The settings are valid.")


def test_init_takes_names_and_says_where_it_wrote(homeroom: Homeroom, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "district"
    named = ["--school", 'Øst "skole"', "--timezone", "Europe/Oslo", "--room", "Room 4 b"]
    answer = homeroom("init", folder, *named, "--json")
    assert answer.code == 0
    assert answer.json == {"settings": str(folder / "homeroom.toml")}
    settings = load_settings(folder / "homeroom.toml")
    assert [(s.name, s.timezone) for s in settings.schools] == [('Øst "skole"', "Europe/Oslo")]
    assert [(r.id, r.name) for r in settings.rooms] == [("room-4-b", "Room 4 b")]
    assert [c.id for c in settings.cameras] == ["room-4-b-front"]


def test_every_key_comes_with_its_description_above_it() -> None:
    text = render_settings(FirstSchool("Hill School", "Europe/Oslo", "Room 1"))
    sections = sections_of(text)
    models = models_of_the_file()
    assert set(sections) == set(models)
    for header, model in models.items():
        lines = sections[header]
        for name, field in model.model_fields.items():
            if header == "" and (name in TABLES or f"[{name}]" in models):
                assert field.description is not None
                assert field.description in text
                continue
            (place,) = [
                n for n, x in enumerate(lines) if x.startswith((f"{name} =", f"# {name} ="))
            ]
            assert field.description is not None
            assert lines[place - 1].startswith(f"# {field.description}")


def test_bounds_and_choices_are_told() -> None:
    text = render_settings(FirstSchool("Hill School", "Europe/Oslo", "Room 1"))
    assert "gives a headcount and nothing else. From 5 to 1000.\n# k = 10\n" in text
    assert 'One of "classroom", "hall", "vehicle".\n# kind = "classroom"\n' in text


def test_keys_that_are_commented_out_show_the_values_that_hold(tmp_path: Path) -> None:
    text = render_settings(FirstSchool("Hill School", "Europe/Oslo", "Room 1"))
    path = tmp_path / "homeroom.toml"
    path.write_text(text, encoding="utf-8")
    as_written = load_settings(path)
    shown = [
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
        if not line.endswith("= …")
    ]
    said = [line for line in shown if not line.startswith("#")]
    keys = [line for line in said if line.startswith("[") or line.split(" = ")[0].isidentifier()]
    path.write_text("\n".join(keys), encoding="utf-8")
    assert len(tomllib.loads("\n".join(keys))) >= 8
    assert load_settings(path) == as_written


def test_values_that_are_given_stand_in_the_file() -> None:
    first = FirstSchool("Hill School", "Europe/Oslo", "Room 1", camera_id="cam7")
    values = tomllib.loads(render_settings(first, {"privacy": {"k": 5}, "timetable": "l.csv"}))
    assert values["privacy"] == {"k": 5}
    assert values["timetable"] == "l.csv"
    assert values["cameras"] == [{"id": "cam7", "room": "room-1"}]


@effort(max_examples=examples(20), deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)
@example("Hill School 🏫", "Room 1")
@example("Hill School", "x" * 200)
def test_any_name_that_the_settings_take_can_be_written(school: str, room: str) -> None:
    values = tomllib.loads(render_settings(FirstSchool(school, "Europe/Oslo", room)))
    settings = Settings(**values)
    assert [each.name for each in settings.schools] == [school]
    assert [each.name for each in settings.rooms] == [room]
    assert len(settings.cameras) == 1


def test_init_does_not_write_over_a_file_unless_told_to(homeroom: Homeroom) -> None:
    path = Path("homeroom.toml")
    path.write_text("# mine\n")
    refused = homeroom("init")
    assert refused.code == 1
    assert refused.stderr_contains(
        "homeroom.toml: the settings file exists already. --force overwrites it."
    )
    assert path.read_text() == "# mine\n"

    assert homeroom("init", "--force").code == 0
    assert homeroom("check").code == 0


@pytest.mark.parametrize(
    "wrong", [("--timezone", "Mars/Base"), ("--school", "x" * 201)], ids=["zone", "name"]
)
def test_init_leaves_no_file_that_check_would_refuse(
    homeroom: Homeroom, wrong: tuple[str, str]
) -> None:
    answer = homeroom("init", *wrong)
    assert answer.code == 1
    assert "schools[0]" in answer.err
    assert not Path("homeroom.toml").exists()


def test_init_says_when_it_cannot_write(homeroom: Homeroom) -> None:
    Path("file").write_text("in the way")
    answer = homeroom("init", "file/folder")
    assert answer.code == 1
    assert answer.stderr_contains("it cannot be written")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("k = 5", "k = 4", "privacy.k: Input should be greater than or equal to 5 (it is 4)"),
        ("k = 5", "kk = 5", "privacy.kk: there is no such key"),
        ('kind = "vehicle"', 'kind = "zoo"', "rooms[1].kind"),
        ('room = "r1"', 'room = "r9"', "cameras 'cam1': room = 'r9' does not exist"),
        ('id = "cam2"', 'id = "cam1"', "cameras: the id 'cam1' is used twice"),
        ("[privacy]", "[privacy", "cannot be read as TOML"),
    ],
)
def test_check_names_the_wrong_key_and_its_place(
    homeroom: Homeroom, tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = write_settings(tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    answer = homeroom("check", "--settings", path)
    assert answer.code == 1
    assert answer.out == ""
    assert answer.stderr_contains(str(path))
    assert answer.stderr_contains(words)
    assert "Traceback" not in answer.err


def test_check_names_every_fault_at_once(homeroom: Homeroom, tmp_path: Path) -> None:
    path = write_settings(tmp_path, k=2, rate=99.0)
    answer = homeroom("check", "--settings", path)
    assert answer.stderr_contains("privacy.k:")
    assert answer.stderr_contains("analysis.rate:")


def test_check_counts_what_it_found_as_json(homeroom: Homeroom, tmp_path: Path) -> None:
    path = write_settings(tmp_path, more='[[rooms]]\nid = "attic"\nschool = "hill"\nname = "A"\n')
    answer = homeroom("check", "--json", "--settings", path)
    assert answer.code == 0
    assert answer.json == {
        "schools": 1,
        "rooms": 3,
        "cameras": 2,
        "lessons": 0,
        "k": 5,
        "notes": [
            "room 'attic' has no camera",
            NO_LESSONS,
        ],
    }


def test_check_reads_the_timetable_too(homeroom: Homeroom, tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    path.write_text('timetable = "lessons.csv"\n' + path.read_text())
    lessons = tmp_path / "lessons.csv"
    head = "lesson_id,room_id,class_id,starts_at,ends_at\n"
    lessons.write_text(f"{head}maths,r1,7B,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n")
    assert homeroom("check", "--json", "--settings", path).json["lessons"] == 1

    lessons.write_text(f"{head}maths,r9,7B,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n")
    answer = homeroom("check", "--settings", path)
    assert answer.code == 3
    assert answer.stderr_contains("lessons.csv:2: room_id: there is no room 'r9'")
    assert not answer.stderr_contains("The settings are valid.")


def test_check_counts_the_lessons_of_the_records_and_changes_nothing(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    path = write_settings(tmp_path)
    file = tmp_path / "lessons.csv"
    file.write_text(
        "lesson_id,room_id,class_id,starts_at,ends_at\n"
        "maths,r1,7B,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n"
    )
    assert homeroom("check", "--json", "--settings", path).json["lessons"] == 0
    assert not (tmp_path / "homeroom-data").exists()
    assert homeroom("roster", "timetable", file, "--settings", path).code == 0
    checked = homeroom("check", "--json", "--settings", path).json
    assert (checked["lessons"], checked["notes"]) == (1, [])


def test_check_names_what_of_the_timetable_is_left_out(homeroom: Homeroom, tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    head = "lesson_id,room_id,class_id,starts_at,ends_at\n"
    file = tmp_path / "lessons.csv"
    file.write_text(f"{head}maths,r1,7B,2026-03-02T09:00:00Z,2026-03-02T09:45:00Z\n")
    homeroom("roster", "timetable", file, "--settings", path)
    path.write_text('timetable = "lessons.csv"\n' + path.read_text())
    file.write_text(f"{head}art,r1,7B,2026-03-02T09:30:00Z,2026-03-02T10:15:00Z\n")
    checked = homeroom("check", "--json", "--settings", path).json
    assert checked["lessons"] == 1
    assert "lessons.csv:2: overlaps the lesson 'maths' in the records" in checked["notes"][0]
