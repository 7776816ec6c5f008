"""From the records to analysts: what may be told, one row a lesson and feeling, and no more."""

from pathlib import Path

import pytest

from cluster import checkins
from cluster.checkins import Feeling
from cluster.checkins.warehouse_rows import rows_to_publish, warehouse_rows
from cluster.district import Timetable
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query
from cluster.warehouse.saved_queries import run_saved_query
from cluster.warehouse.schema import CHECKIN_COUNTS
from tests.checkins.classroom import LESSON, Classroom
from tests.register.school import MONDAY


def ended(room: Classroom, said: list[Feeling]) -> list[dict[str, object]]:
    """The rows of a lesson in which so much was said."""
    room.answers(room.start().view.code or "", said)
    room.end()
    with room.identity.records.reading() as session:
        return warehouse_rows(session, room.settings.privacy.k)


def installed(room: Classroom, folder: Path) -> Settings:
    return room.settings.model_copy(update={"data_dir": folder / "data"})


def test_a_lesson_has_a_row_for_each_feeling(room: Classroom) -> None:
    rows = ended(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2 + [Feeling.ANGRY] * 2)
    assert [row["feeling"] for row in rows] == [str(feeling) for feeling in Feeling]
    sad = next(row for row in rows if row["feeling"] == "sad")
    assert sad == {
        "lesson_id": LESSON,
        "class_id": "class-1",
        "room_id": "room-1",
        "school_id": "hill",
        "date": MONDAY.date(),
        "feeling": "sad",
        "answers": 7,
        "answers_told": 5,
        "share_text": "3 (60%)",
        "share": 0.6,
        "count": 3,
    }
    angry = next(row for row in rows if row["feeling"] == "angry")
    assert (angry["share_text"], angry["share"], angry["count"]) == ("≤5%", 0.05, None)


def test_below_k_a_lesson_tells_the_number_of_answers_alone(room: Classroom) -> None:
    rows = ended(room, [Feeling.SAD] * 4)
    assert {row["answers"] for row in rows} == {4}
    for name in ("answers_told", "share_text", "share", "count"):
        assert {row[name] for row in rows} == {None}


def test_a_check_in_that_is_on_is_not_published(room: Classroom) -> None:
    room.answers(room.start().view.code or "", [Feeling.SAD] * 6)
    with room.identity.records.reading() as session:
        assert warehouse_rows(session, 5) == []


def test_when_k_is_raised_what_was_told_of_fewer_is_withheld(room: Classroom) -> None:
    ended(room, [Feeling.SAD] * 6)
    with room.identity.records.reading() as session:
        assert {row["share_text"] for row in warehouse_rows(session, 6)} == {None}


def test_analysts_find_it_in_the_warehouse_and_by_the_question(
    room: Classroom, tmp_path: Path
) -> None:
    rows = ended(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2)
    settings = installed(room, tmp_path)
    publish(settings, Timetable(), now=MONDAY, checkin_counts=rows)
    seen = run_query(settings, "FROM checkin_counts")
    assert seen.schema == CHECKIN_COUNTS.arrow()
    assert seen.to_pylist() == rows
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    asked = run_saved_query(settings, "checkin_feelings", days)
    assert [dict(zip(asked.columns, row, strict=True)) for row in asked.rows] == rows
    assert run_saved_query(settings, "checkin_feelings", {**days, "school_id": "dale"}).rows == ()
    assert run_saved_query(settings, "checkin_feelings", {**days, "from": "2026-03-03"}).rows == ()


def test_the_question_has_no_row_of_a_lesson_below_k(room: Classroom, tmp_path: Path) -> None:
    rows = ended(room, [Feeling.SAD] * 4)
    settings = installed(room, tmp_path)
    publish(settings, Timetable(), now=MONDAY, checkin_counts=rows)
    assert (
        run_saved_query(
            settings, "checkin_feelings", {"from": "2026-03-01", "to": "2026-03-31"}
        ).rows
        == ()
    )


@pytest.mark.parametrize(
    "leak",
    [
        {"answers_told": None},
        {"answers_told": 4},
        {"answers_told": 7},
        {"count": 0},
        {"count": 5},
        {"answers_told": None, "share_text": None, "share": None},
    ],
)
def test_a_row_that_tells_what_must_be_withheld_is_never_published(
    room: Classroom, tmp_path: Path, leak: dict[str, object]
) -> None:
    rows = ended(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 3)
    wrong = [{**row, **leak} if row["feeling"] == "sad" else row for row in rows]
    with pytest.raises(WarehouseError, match="must be withheld"):
        publish(installed(room, tmp_path), Timetable(), now=MONDAY, checkin_counts=wrong)


def test_an_installation_without_records_has_no_rows_and_gets_no_records(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data"})
    assert rows_to_publish(settings) == []
    assert not (tmp_path / "data").exists()


def test_the_records_of_an_installation_are_read(room: Classroom, tmp_path: Path) -> None:
    if not room.identity.records.is_sqlite:
        pytest.skip("the settings of this installation name a file")
    expected = ended(room, [Feeling.SAD] * 5)
    checkins.end_those_over(room.identity, room.now)
    room.identity.records.scrub()
    settings = installed(room, tmp_path)
    settings.records_dir.mkdir(parents=True)
    copied = settings.records_dir / "records.sqlite"
    copied.write_bytes(Path(str(room.identity.records.url.database)).read_bytes())
    assert rows_to_publish(settings) == expected
