"""Warehouse rows: one per lesson and feeling, with suppressed counts (R3)."""

from pathlib import Path

import pytest

from cluster import checkins
from cluster.checkins import Feeling
from cluster.checkins.warehouse_rows import load_warehouse_rows, warehouse_rows
from cluster.district import Timetable
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query
from cluster.warehouse.saved_queries import bind_parameters, find_saved_query, run_saved_query
from cluster.warehouse.schema import CHECKIN_COUNTS
from tests.checkins.classroom import LESSON, Classroom
from tests.register.school import MONDAY


def rows_of(room: Classroom, answers: list[Feeling]) -> list[dict[str, object]]:
    """Return the rows of a lesson with these answers."""
    room.give_answers(room.start().view.code or "", answers)
    room.end()
    with room.audited.records.reading() as session:
        return warehouse_rows(session, room.settings.privacy.k)


def settings_in(room: Classroom, folder: Path) -> Settings:
    return room.settings.model_copy(update={"data_dir": folder / "data"})


def test_a_lesson_has_a_row_for_each_feeling(room: Classroom) -> None:
    rows = rows_of(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2 + [Feeling.ANGRY] * 2)
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


def test_below_k_a_row_has_only_the_number_of_answers(room: Classroom) -> None:
    rows = rows_of(room, [Feeling.SAD] * 4)
    assert {row["answers"] for row in rows} == {4}
    for name in ("answers_told", "share_text", "share", "count"):
        assert {row[name] for row in rows} == {None}


def test_a_running_checkin_has_no_rows(room: Classroom) -> None:
    room.give_answers(room.start().view.code or "", [Feeling.SAD] * 6)
    with room.audited.records.reading() as session:
        assert warehouse_rows(session, 5) == []


def test_raising_k_suppresses_earlier_snapshots_of_fewer_answers(room: Classroom) -> None:
    rows_of(room, [Feeling.SAD] * 6)
    with room.audited.records.reading() as session:
        assert {row["share_text"] for row in warehouse_rows(session, 6)} == {None}


def query_feelings(settings: Settings, parameters: dict[str, str]) -> list[dict[str, object]]:
    """The rows of the saved query."""
    bound = bind_parameters(find_saved_query("checkin_feelings"), parameters.items())
    result = run_saved_query(settings, bound)
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def test_the_warehouse_and_its_saved_query_return_the_rows(room: Classroom, tmp_path: Path) -> None:
    rows = rows_of(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 2)
    settings = settings_in(room, tmp_path)
    publish(settings, Timetable(), now=MONDAY, checkin_counts=rows)
    table = run_query(settings, "FROM checkin_counts")
    assert table.schema == CHECKIN_COUNTS.arrow()
    assert table.to_pylist() == rows
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    assert query_feelings(settings, days) == rows
    assert query_feelings(settings, {**days, "school_id": "dale"}) == []
    assert query_feelings(settings, {**days, "from": "2026-03-03"}) == []


def test_the_saved_query_has_no_row_of_a_lesson_below_k(room: Classroom, tmp_path: Path) -> None:
    rows = rows_of(room, [Feeling.SAD] * 4)
    settings = settings_in(room, tmp_path)
    publish(settings, Timetable(), now=MONDAY, checkin_counts=rows)
    assert query_feelings(settings, {"from": "2026-03-01", "to": "2026-03-31"}) == []


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
def test_publishing_rejects_a_row_that_should_be_suppressed(
    room: Classroom, tmp_path: Path, leak: dict[str, object]
) -> None:
    rows = rows_of(room, [Feeling.SAD] * 3 + [Feeling.HAPPY] * 3)
    wrong = [{**row, **leak} if row["feeling"] == "sad" else row for row in rows]
    with pytest.raises(WarehouseError, match="must be withheld"):
        publish(settings_in(room, tmp_path), Timetable(), now=MONDAY, checkin_counts=wrong)


def test_without_records_there_are_no_rows_and_no_records_are_created(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data"})
    assert load_warehouse_rows(settings) == []
    assert not (tmp_path / "data").exists()


def test_rows_are_loaded_from_the_records_of_an_installation(
    room: Classroom, tmp_path: Path
) -> None:
    if not room.audited.records.is_sqlite:
        pytest.skip("the settings of this installation name a file")
    expected = rows_of(room, [Feeling.SAD] * 5)
    checkins.end_expired(room.audited, room.now)
    room.audited.records.scrub()
    settings = settings_in(room, tmp_path)
    settings.records_dir.mkdir(parents=True)
    copied = settings.records_dir / "records.sqlite"
    copied.write_bytes(Path(str(room.audited.records.url.database)).read_bytes())
    assert load_warehouse_rows(settings) == expected
