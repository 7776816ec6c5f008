"""Publishing: a whole new file or the old one, each table, and no window told twice."""

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.activity.suppression import ActivityWindow
from cluster.district import Lesson, Timetable
from cluster.errors import LakeError, NotPublished, WarehouseError
from cluster.settings import Settings, load_settings
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query, warehouse_path
from cluster.warehouse.schema import ACTIVITY_WINDOWS, LESSON_ACTIVITY, PARTITION_COLUMNS, TABLES
from tests.conftest import write_settings
from tests.warehouse.test_lake import rows_of, run_row, window, withheld

pytestmark = pytest.mark.durable

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MATHS = Lesson("maths", "r1", "7B", NINE, NINE + timedelta(minutes=45))
SHARES = [column.name for column in LESSON_ACTIVITY.columns if column.name.endswith("_share")]

KILLED_WHILE_CHECKING = """
import os, signal, sys
from datetime import UTC, datetime
from cluster.district import Timetable
from cluster.settings import load_settings
from cluster.warehouse import publish
publish._check = lambda connection: os.kill(os.getpid(), signal.SIGKILL)
publish.publish(load_settings(sys.argv[1]), Timetable(), now=datetime.now(UTC))
"""


ADDED_SINCE_0_1 = ("people_low", "people_high", "desk_work_share")


def write_windows(
    settings: Settings,
    windows: Iterable[ActivityWindow],
    *,
    lesson_id: str | None = None,
    camera_id: str = "cam1",
    starts_at: datetime = NINE,
) -> Path:
    """Write a part of the lake, and say where it is."""
    lake = Lake(settings.lake_dir)
    room_id = settings.cameras_by_id[camera_id].room
    rows = rows_of([*windows], room_id=room_id, camera_id=camera_id, lesson_id=lesson_id)
    key = PartKey("hill", f"{starts_at:%Y-%m-%d}", camera_id, starts_at)
    lake.write_part(key, PartMetadata("a", ()), rows)
    return lake.part_path(key)


def write_by_hand(settings: Settings, name: str, row: dict[str, Any]) -> None:
    """A part that no program of ours would write."""
    folder = settings.lake_dir / "activity_windows" / "school_id=hill" / "date=2026-03-02"
    folder.mkdir(parents=True, exist_ok=True)
    schema = ACTIVITY_WINDOWS.arrow(without=PARTITION_COLUMNS)
    pq.write_table(pa.Table.from_pylist([row], schema=schema), folder / name)


def write_part_of_version_0_1(settings: Settings, row: dict[str, Any], name: str) -> None:
    """A part without the columns that were added since."""
    folder = settings.lake_dir / "activity_windows" / "school_id=hill" / "date=2026-03-02"
    folder.mkdir(parents=True, exist_ok=True)
    schema = ACTIVITY_WINDOWS.arrow(without=(*PARTITION_COLUMNS, *ADDED_SINCE_0_1))
    pq.write_table(pa.Table.from_pylist([row], schema=schema), folder / name)


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def count(settings: Settings, table: str) -> int:
    return int(run_query(settings, f"SELECT count(*) AS n FROM {table}").to_pylist()[0]["n"])  # noqa: S608


def of_lesson(settings: Settings, lesson_id: str = "maths") -> dict[str, Any]:
    rows = run_query(settings, "FROM lesson_activity").to_pylist()
    (row,) = [row for row in rows if row["lesson_id"] == lesson_id]
    return dict(row)


def visible_files(settings: Settings) -> dict[str, str]:
    """The files of the warehouse's folder but its lock, each with where it leads."""
    return {
        path.name: path.resolve().name
        for path in settings.warehouse_dir.iterdir()
        if path.suffix != ".lock"
    }


def test_every_table_has_its_rows(school: Settings) -> None:
    lake = Lake(school.lake_dir)
    write_windows(school, [window(NINE), withheld(NINE + seconds(10))])
    write_windows(school, [withheld(NINE)], camera_id="cam2")
    lake.write_run(run_row("run-1"))
    lake.write_run(run_row("run-2"))
    model = {"model": "pose@1", "sha256": "0" * 64, "origin": "package", "licence": "AGPL-3.0"}
    lake.write_model({**model, "first_used_at": NINE})

    published = publish(school, Timetable([MATHS]), now=NINE)

    assert published.rows == {
        "schools": 1,
        "rooms": 2,
        "lessons": 1,
        "activity_windows": 3,
        "lesson_activity": 1,
        "checkin_counts": 0,
        "runs": 2,
        "models": 1,
        "publications": 1,
    }
    assert published.rows == {table: count(school, table) for table in published.rows}
    assert run_query(school, "FROM rooms ORDER BY room_id").to_pylist() == [
        {"room_id": "bus", "school_id": "hill", "name": "Bus 7", "kind": "vehicle"},
        {"room_id": "r1", "school_id": "hill", "name": "Room 1", "kind": "classroom"},
    ]
    assert run_query(school, "FROM schools").to_pylist() == [
        {"school_id": "hill", "name": "Hill School", "timezone": "Europe/Oslo"}
    ]
    assert run_query(school, "FROM lessons").to_pylist() == [
        {
            "lesson_id": "maths",
            "room_id": "r1",
            "class_id": "7B",
            "starts_at": MATHS.starts_at,
            "ends_at": MATHS.ends_at,
        }
    ]
    assert run_query(school, "FROM runs ORDER BY run_id LIMIT 1").to_pylist() == [run_row("run-1")]


def test_every_table_and_column_carries_the_comment_of_the_schema(school: Settings) -> None:
    publish(school, Timetable(), now=NINE)
    tables = run_query(
        school,
        "SELECT table_name AS name, comment FROM duckdb_tables() UNION ALL "
        "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
    ).to_pylist()
    assert {row["name"]: row["comment"] for row in tables} == {t.name: t.comment for t in TABLES}
    columns = run_query(
        school,
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal",
    ).to_pylist()
    assert {(r["table_name"], r["column_name"]): r["comment"] for r in columns} == {
        (table.name, column.name): column.comment for table in TABLES for column in table.columns
    }


def test_a_reader_keeps_the_old_file_and_the_next_gets_the_new(
    school: Settings,
) -> None:
    first = publish(school, Timetable(), now=NINE)
    link = warehouse_path(school)
    with duckdb.connect(str(link.resolve()), read_only=True) as reader:
        for number in range(1, 4):
            publish(school, Timetable([MATHS]), now=NINE + seconds(number))
        assert not first.path.exists()
        assert reader.sql("SELECT count(*) FROM lessons").fetchall() == [(0,)]
        assert reader.sql("SELECT count(*) FROM rooms").fetchall() == [(2,)]
        assert count(school, "lessons") == 1


def test_a_second_process_reads_the_new_file_through_the_link(school: Settings) -> None:
    publish(school, Timetable(), now=NINE)
    publish(school, Timetable([MATHS]), now=NINE + seconds(1))
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
        "print(c.sql('SELECT count(*) FROM lessons').fetchall()[0][0])"
    )
    command = [sys.executable, "-c", code, str(warehouse_path(school))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_old_files_are_removed_but_a_few(school: Settings) -> None:
    paths = [publish(school, Timetable(), now=NINE + seconds(n)).path.name for n in range(5)]
    assert visible_files(school) == {
        **{name: name for name in paths[-3:]},
        "district.duckdb": paths[-1],
    }


def test_a_clock_that_was_set_back_does_not_remove_what_was_just_published(
    school: Settings,
) -> None:
    for number in range(4):
        publish(school, Timetable(), now=NINE + seconds(number))
    back = publish(school, Timetable([MATHS]), now=NINE - timedelta(days=1))
    assert warehouse_path(school).resolve() == back.path
    assert count(school, "lessons") == 1


def test_an_empty_lake_can_be_published_and_queried(school: Settings) -> None:
    published = publish(school, Timetable([MATHS]), now=NINE)
    assert published.rows["activity_windows"] == 0
    row = of_lesson(school)
    assert (row["windows"], row["windows_suppressed"]) == (0, 0)
    assert [row[name] for name in ("people_max", "people_mean", "hand_raises", *SHARES)] == (
        [None] * 10
    )


@pytest.mark.parametrize("name", ["o'brien", "data [1]", "100% x=1 ærlig"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = load_settings(write_settings(tmp_path, data_dir=name))
    write_windows(settings, [window(NINE)])
    Lake(settings.lake_dir).write_run(run_row())
    assert publish(settings, Timetable(), now=NINE).rows["activity_windows"] == 1
    assert count(settings, "activity_windows") == 1


def refuse(settings: Settings, words: str) -> None:
    """See that a publication fails in words and leaves all as it was."""
    before, lessons = visible_files(settings), count(settings, "lessons")
    with pytest.raises(WarehouseError, match=words):
        publish(settings, Timetable([MATHS]), now=NINE + timedelta(hours=1))
    assert visible_files(settings) == before
    assert count(settings, "lessons") == lessons == 0


@pytest.fixture
def published(school: Settings) -> Settings:
    """A school whose warehouse was published once, with one window and no lesson."""
    write_windows(school, [window(NINE)])
    publish(school, Timetable(), now=NINE)
    return school


@pytest.mark.parametrize("with_new_parts", [False, True])
def test_parts_of_an_earlier_version_are_read_and_lack_what_was_added(
    school: Settings, with_new_parts: bool
) -> None:
    (row,) = rows_of([window(NINE)])
    write_part_of_version_0_1(school, row, "a_20260302T090000Z.parquet")
    if with_new_parts:
        bounded = window(NINE + seconds(60), people_low=18, people_high=23)
        write_windows(school, [bounded], starts_at=NINE + seconds(60))
    publish(school, Timetable(), now=NINE)

    columns = "people_low, people_high, date, school_id, desk_work_share"
    found = run_query(school, f"SELECT {columns} FROM activity_windows ORDER BY window_start")  # noqa: S608
    same = {"date": NINE.date(), "school_id": "hill", "desk_work_share": 0.35}  # 0.3 + 0.05
    new = [{"people_low": 18, "people_high": 23, **same}] if with_new_parts else []
    assert found.to_pylist() == [{"people_low": None, "people_high": None, **same}, *new]
    assert (
        found.schema
        == ACTIVITY_WINDOWS.arrow(
            without=tuple(
                column.name for column in ACTIVITY_WINDOWS.columns if column.name not in columns
            )
        )
        .empty_table()
        .select(columns.split(", "))
        .schema
    )


def test_desk_work_of_a_window_of_an_earlier_version_is_at_most_95_per_cent_and_stays_suppressed(
    school: Settings,
) -> None:
    rows = rows_of(
        [
            window(NINE, reading_share=0.6, writing_share=0.4),
            withheld(NINE + seconds(10)),
            window(NINE + seconds(20), reading_share=None, writing_share=None, desk_work_share=0.4),
        ]
    )
    for number, row in enumerate(rows[:2]):
        write_part_of_version_0_1(school, row, f"a{number}_20260302T090000Z.parquet")
    write_by_hand(school, "b_20260302T090000Z.parquet", rows[2])
    publish(school, Timetable(), now=NINE)

    columns = "desk_work_share AS d, reading_share AS r"
    sql = f"SELECT {columns} FROM activity_windows ORDER BY window_start"  # noqa: S608
    found = [(row["d"], row["r"]) for row in run_query(school, sql).to_pylist()]
    assert found == [(0.95, 0.6), (None, None), (0.4, None)]


def test_a_lesson_has_the_mean_of_a_part_over_the_windows_that_have_it(school: Settings) -> None:
    without = {"reading_share": None, "writing_share": None, "desk_work_share": 0.5}
    write_windows(
        school,
        [
            window(NINE, people_mean=20.0, reading_share=0.3, writing_share=0.05),
            window(NINE + seconds(10), people_mean=10.0, people_max=11, **without),
        ],
        lesson_id="maths",
    )
    publish(school, Timetable([MATHS]), now=NINE)

    row = of_lesson(school)
    assert row["desk_work_share"] == 0.4  # (0.35 × 20 + 0.5 × 10) / 30
    assert (row["reading_share"], row["writing_share"]) == (0.3, 0.05)


def test_the_next_publication_has_the_columns_that_are_new(
    school: Settings,
) -> None:
    (row,) = rows_of([window(NINE)])
    write_part_of_version_0_1(school, row, "a_20260302T090000Z.parquet")
    publish(school, Timetable(), now=NINE)
    bounded = window(NINE + seconds(60), people_low=18, people_high=23)
    write_windows(school, [bounded], starts_at=NINE + seconds(60))
    publish(school, Timetable(), now=NINE + seconds(60))

    found = run_query(school, "SELECT max(people_low) AS low FROM activity_windows")
    assert found.to_pylist() == [{"low": 18}]


def test_a_window_that_is_duplicated_is_not_published(published: Settings) -> None:
    write_by_hand(published, "copy.parquet", rows_of([window(NINE)])[0])
    refuse(published, "2026-03-02 09:00:00.* of camera cam1 is in the lake twice")


def test_a_window_is_a_duplicate_by_camera_and_time(published: Settings) -> None:
    write_by_hand(published, "copy.parquet", rows_of([withheld(NINE)], lesson_id="other")[0])
    refuse(published, "is in the lake twice")


def test_two_cameras_may_see_the_same_ten_seconds(published: Settings) -> None:
    write_windows(published, [withheld(NINE)], camera_id="cam2")
    assert publish(published, Timetable(), now=NINE).rows["activity_windows"] == 2


def test_a_suppressed_window_that_has_a_share_is_not_published(published: Settings) -> None:
    row = rows_of([withheld(NINE + seconds(10))])[0]
    for counted in (*SHARES, "hand_raises"):
        write_by_hand(published, "leak.parquet", {**row, counted: 1})
        refuse(published, "suppressed window 2026-03-02 09:00:10.* of camera cam1 has a share")


def test_a_damaged_part_is_named(published: Settings) -> None:
    path = write_windows(published, [window(NINE)], starts_at=NINE + timedelta(minutes=1))
    path.write_bytes(path.read_bytes()[:40])
    refuse(published, path.name)


def test_a_part_whose_middle_is_damaged_is_named(published: Settings) -> None:
    path = write_windows(published, [window(NINE + seconds(60 + 10 * n)) for n in range(6)])
    whole = bytearray(path.read_bytes())
    footer = int.from_bytes(whole[-8:-4], "little")
    whole[4 : -8 - footer] = b"\xff" * (len(whole) - 12 - footer)
    path.write_bytes(whole)
    refuse(published, path.name)


@pytest.mark.parametrize("damage", ["cut", "footer"])
def test_a_damaged_row_of_a_run_is_named(published: Settings, damage: str) -> None:
    Lake(published.lake_dir).write_run(run_row("run-7"))
    path = published.lake_dir / "runs" / "run-7.parquet"
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    broken = {"cut": whole[:40], "footer": whole[: -8 - footer] + b"\xff" * footer + whole[-8:]}
    path.write_bytes(broken[damage])
    refuse(published, "run-7.parquet")


def test_a_first_publication_that_fails_leaves_nothing(school: Settings) -> None:
    write_windows(school, [window(NINE)])
    write_by_hand(school, "copy.parquet", rows_of([window(NINE)])[0])
    with pytest.raises(WarehouseError, match="is in the lake twice"):
        publish(school, Timetable(), now=NINE)
    assert visible_files(school) == {}


def test_a_folder_that_cannot_be_made_is_reported(school: Settings) -> None:
    school.data_dir.mkdir()
    school.warehouse_dir.write_text("in the way")
    with pytest.raises(WarehouseError, match="cannot be written: "):
        publish(school, Timetable(), now=NINE)


def test_two_publications_at_once_are_rejected(published: Settings) -> None:
    (lock,) = published.warehouse_dir.glob(".*.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        refuse(published, "another publication is running")
    assert publish(published, Timetable([MATHS]), now=NINE + seconds(1)).rows["lessons"] == 1


def test_what_a_killed_publication_left_is_removed_by_the_next(published: Settings) -> None:
    before = visible_files(published)
    settings_file = published.data_dir.parent / "homeroom.toml"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_CHECKING, str(settings_file)],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL
    left = set(visible_files(published)) - set(before)
    assert left, "it was killed before it wrote anything"
    assert count(published, "activity_windows") == 1

    publish(published, Timetable(), now=NINE + seconds(1))
    assert not left & set(visible_files(published))


def test_a_lesson_adds_up_its_windows_weighted_by_people(school: Settings) -> None:
    write_windows(
        school,
        [
            window(NINE, people_mean=20.0, people_max=22, hand_raised_share=0.5, hand_raises=7),
            window(
                NINE + seconds(10),
                people_mean=10.0,
                people_max=11,
                hand_raised_share=0.2,
                hand_raises=2,
                reading_share=0.9,
            ),
            withheld(NINE + seconds(20), people_mean=3.0, people_max=4),
        ],
        lesson_id="maths",
    )
    write_windows(
        school, [window(NINE + timedelta(hours=1), hand_raises=20)], starts_at=NINE + seconds(3600)
    )
    publish(school, Timetable([MATHS]), now=NINE)

    row = of_lesson(school)
    assert (row["windows"], row["windows_suppressed"]) == (3, 1)
    assert (row["people_max"], row["people_mean"], row["hand_raises"]) == (22, 11.0, 9)
    assert row["hand_raised_share"] == 0.4  # (0.5 × 20 + 0.2 × 10) / 30
    assert row["reading_share"] == 0.5  # (0.3 × 20 + 0.9 × 10) / 30
    assert row["writing_share"] == 0.05
    assert (row["room_id"], row["class_id"]) == ("r1", "7B")


def test_a_lesson_of_suppressed_windows_has_headcounts_and_nothing_else(school: Settings) -> None:
    write_windows(school, [withheld(NINE), withheld(NINE + seconds(10), 2.0, 3)], lesson_id="maths")
    publish(school, Timetable([MATHS]), now=NINE)
    row = of_lesson(school)
    assert (row["windows"], row["windows_suppressed"], row["people_max"]) == (2, 2, 4)
    assert row["people_mean"] == 2.5
    assert [row[name] for name in ("hand_raises", *SHARES)] == [None] * 8


def test_a_suppressed_window_changes_nothing_in_the_activity_of_a_lesson(
    school: Settings,
) -> None:
    counted = [window(NINE), window(NINE + seconds(10), hand_raised_share=0.6, people_mean=9.0)]
    write_windows(school, counted, lesson_id="maths")
    publish(school, Timetable([MATHS]), now=NINE)
    without = of_lesson(school)
    write_windows(school, [*counted, withheld(NINE + seconds(20))], lesson_id="maths")
    publish(school, Timetable([MATHS]), now=NINE + seconds(1))
    names = ("hand_raises", *SHARES)
    assert [of_lesson(school)[name] for name in names] == [without[name] for name in names]


def test_two_lessons_of_one_room_do_not_mix(school: Settings) -> None:
    art = Lesson("art", "r1", "8A", MATHS.ends_at, MATHS.ends_at + timedelta(minutes=45))
    write_windows(school, [window(NINE, hand_raises=1)], lesson_id="maths")
    write_windows(
        school, [window(art.starts_at, hand_raises=5)], lesson_id="art", starts_at=art.starts_at
    )
    publish(school, Timetable([MATHS, art]), now=NINE)
    assert of_lesson(school, "maths")["hand_raises"] == 1
    assert of_lesson(school, "art")["hand_raises"] == 5


def test_what_is_published_can_be_printed_as_json(school: Settings) -> None:
    rows = publish(school, Timetable(), now=NINE).rows
    assert json.loads(json.dumps(rows)) == rows


SECOND_CAMERA = '[[cameras]]\nid = "cam3"\nroom = "r1"\n'


@pytest.fixture
def two_cameras(tmp_path: Path) -> Settings:
    """A school whose classroom two cameras see."""
    return load_settings(write_settings(tmp_path, more=SECOND_CAMERA))


def windows_of(settings: Settings, camera_id: str) -> list[dict[str, Any]]:
    sql = f"FROM activity_windows WHERE camera_id = '{camera_id}' ORDER BY window_start"
    return [dict(row) for row in run_query(settings, sql).to_pylist()]


NOTHING = [None] * (1 + len(SHARES))


def shares_in(rows: Iterable[dict[str, Any]]) -> list[Any]:
    return [row[name] for row in rows for name in ("hand_raises", *SHARES)]


def test_of_two_cameras_of_a_room_one_gives_shares_and_the_other_a_headcount(
    two_cameras: Settings,
) -> None:
    nine_fewer = window(NINE, people_mean=11.0, people_max=11, hand_raises=2)
    write_windows(two_cameras, [nine_fewer], lesson_id="maths")
    write_windows(two_cameras, [window(NINE)], camera_id="cam3", lesson_id="maths")
    publish(two_cameras, Timetable([MATHS]), now=NINE)
    (few,), (most,) = windows_of(two_cameras, "cam1"), windows_of(two_cameras, "cam3")
    assert (few["people_mean"], few["suppressed"], shares_in([few])) == (11.0, True, NOTHING)
    assert (most["suppressed"], most["reading_share"]) == (False, 0.3)
    lesson = of_lesson(two_cameras)
    assert (lesson["windows"], lesson["windows_suppressed"], lesson["hand_raises"]) == (1, 0, 4)
    assert (lesson["people_mean"], lesson["reading_share"]) == (20.0, 0.3)


def test_of_two_cameras_that_see_as_many_the_first_by_name_gives_shares(
    two_cameras: Settings,
) -> None:
    write_windows(two_cameras, [window(NINE)], camera_id="cam3")
    write_windows(two_cameras, [window(NINE)])
    publish(two_cameras, Timetable(), now=NINE)
    assert [row["suppressed"] for row in windows_of(two_cameras, "cam1")] == [False]
    assert [row["suppressed"] for row in windows_of(two_cameras, "cam3")] == [True]


def test_one_camera_gives_the_shares_of_a_day_also_where_another_sees_more(
    two_cameras: Settings,
) -> None:
    crowd = [window(NINE + seconds(10 * n)) for n in range(3)]
    write_windows(two_cameras, crowd)
    more = window(NINE, people_mean=25.0, people_max=25)
    write_windows(two_cameras, [more, withheld(NINE + seconds(10))], camera_id="cam3")
    publish(two_cameras, Timetable(), now=NINE)
    assert [row["suppressed"] for row in windows_of(two_cameras, "cam1")] == [False] * 3
    assert shares_in(windows_of(two_cameras, "cam3")) == NOTHING * 2


def test_a_camera_whose_windows_come_later_does_not_give_back_what_was_hidden(
    two_cameras: Settings,
) -> None:
    write_windows(two_cameras, [window(NINE, people_mean=11.0, people_max=11)])
    publish(two_cameras, Timetable(), now=NINE)
    write_windows(two_cameras, [window(NINE)], camera_id="cam3")
    tomorrow = NINE + timedelta(days=1)
    write_windows(two_cameras, [window(tomorrow)], camera_id="cam3", starts_at=tomorrow)
    few = window(tomorrow, people_mean=11.0, people_max=11)
    write_windows(two_cameras, [few], starts_at=tomorrow)
    publish(two_cameras, Timetable(), now=NINE + seconds(1))
    assert [row["suppressed"] for row in windows_of(two_cameras, "cam1")] == [False, True]
    assert [row["suppressed"] for row in windows_of(two_cameras, "cam3")] == [True, False]


def with_text(settings: Settings, old: str, new: str) -> Settings:
    """The settings, changed as an operator would."""
    path = settings.data_dir.parent / "homeroom.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return load_settings(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [("k = 5", "k = 10"), ('name = "Room 1"', 'name = "Room 1"\nkind = "vehicle"')],
    ids=["k is raised", "the room is made a vehicle"],
)
def test_windows_of_an_older_rule_follow_the_rule_of_today(
    school: Settings, old: str, new: str
) -> None:
    six = window(NINE, people_mean=6.0, people_max=6, hand_raises=3, reading_share=0.5)
    write_windows(school, [six], lesson_id="maths")
    publish(school, Timetable([MATHS]), now=NINE)
    assert windows_of(school, "cam1")[0]["reading_share"] == 0.5
    stricter = with_text(school, old, new)
    with pytest.raises(NotPublished, match="tells more than the settings allow now"):
        run_query(stricter, "FROM activity_windows")
    publish(stricter, Timetable([MATHS]), now=NINE + seconds(1))
    assert shares_in(windows_of(stricter, "cam1")) == NOTHING
    assert shares_in([of_lesson(stricter)]) == NOTHING
    assert len([name for name in visible_files(stricter) if name != "district.duckdb"]) == 1


@pytest.mark.parametrize(
    ("people_mean", "people_max", "is_published"), [(20.0, 20, True), (14.0, 22, False)]
)
def test_with_a_higher_k_shares_stay_where_no_frame_can_have_had_fewer(
    school: Settings, people_mean: float, people_max: int, is_published: bool
) -> None:
    Lake(school.lake_dir).write_run({**run_row(), "k": 5})
    write_windows(school, [window(NINE, people_mean=people_mean, people_max=people_max)])
    stricter = with_text(school, "k = 5", "k = 10")
    publish(stricter, Timetable(), now=NINE)
    assert [not row["suppressed"] for row in windows_of(stricter, "cam1")] == [is_published]


def test_a_vehicle_that_is_new_in_the_settings_does_not_outdate_a_publication(
    school: Settings, tmp_path: Path
) -> None:
    write_windows(school, [window(NINE)])
    publish(school, Timetable(), now=NINE)
    bus = '[[rooms]]\nid = "bus-2"\nschool = "hill"\nname = "Bus 8"\nkind = "vehicle"\n'
    more = load_settings(write_settings(tmp_path, more=bus))
    assert len(windows_of(more, "cam1")) == 1


def test_shares_of_a_run_that_is_not_recorded_may_be_of_the_smallest_k(school: Settings) -> None:
    write_windows(school, [window(NINE, people_mean=14.0, people_max=22)])
    stricter = with_text(school, "k = 5", "k = 10")
    publish(stricter, Timetable(), now=NINE)
    assert [row["suppressed"] for row in windows_of(stricter, "cam1")] == [True]


def test_a_publication_of_an_earlier_version_is_not_read(school: Settings) -> None:
    path = publish(school, Timetable(), now=NINE).path
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE publications")
    with pytest.raises(NotPublished, match="an earlier version"):
        run_query(school, "FROM rooms")


def test_without_the_record_of_what_was_published_nothing_is(published: Settings) -> None:
    (record,) = (published.lake_dir / "published").glob("2026-*.json")
    record.write_text("{")
    with pytest.raises(LakeError, match="cannot be read") as refused:
        publish(published, Timetable(), now=NINE + seconds(1))
    assert refused.value.where == str(record)
    assert len(visible_files(published)) == 2
