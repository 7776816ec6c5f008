"""The schema: the design's columns, a comment for each, the same types in Parquet and DuckDB."""

import re
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from cluster.district import Timetable
from cluster.settings import Settings
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query
from cluster.warehouse.schema import ACTIVITY_WINDOWS, PARTITION_COLUMNS, TABLES, TableSpec
from tests.warehouse.test_lake import rows_of, window

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

DESIGNED = (
    *("school_id", "date", "room_id", "camera_id", "lesson_id", "window_start", "window_seconds"),
    *("frames", "people_max", "people_mean", "people_low", "people_high"),
    *("hand_raised_share", "desk_work_share", "reading_share", "writing_share"),
    *("head_down_share", "standing_share", "unclear_share", "hand_raises"),
    *("suppressed", "source", "run_id", "model"),
)
"""The design's section 6, with the two columns by which the lake is divided."""


def test_activity_windows_has_the_columns_of_the_design_and_no_other() -> None:
    assert sorted(ACTIVITY_WINDOWS.arrow().names) == sorted(DESIGNED)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_column_could_hold_a_person(table: TableSpec) -> None:
    words = {word for column in table.columns for word in column.name.split("_")}
    assert not words & {"student", "track", "face", "seat", "embedding", "emotion", "attention"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_has_a_sentence_as_comment(table: TableSpec) -> None:
    comments = [table.comment, *(column.comment for column in table.columns)]
    assert all(re.fullmatch(r"[`A-Z].{2,}\.", comment, re.DOTALL) for comment in comments)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_type_goes_through_duckdb_and_comes_back_the_same(table: TableSpec) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("incoming", table.arrow().empty_table())
        connection.execute("CREATE TABLE kept AS FROM incoming")
        assert connection.sql("FROM kept").to_arrow_table().schema == table.arrow()


def test_windows_keep_types_and_values_from_the_lake_to_the_analyst(school: Settings) -> None:
    lake = Lake(school.lake_dir)
    rows = rows_of([window(NINE)], lesson_id="maths")
    lake.write_part(PartKey("hill", "2026-03-02", "cam1", NINE), PartMetadata("a", ()), rows)
    publish(school, Timetable(), now=NINE)

    seen = run_query(school, "FROM activity_windows")
    assert seen.schema == ACTIVITY_WINDOWS.arrow()
    partition = {"school_id": "hill", "date": datetime(2026, 3, 2, tzinfo=UTC).date()}
    assert seen.to_pylist() == [{**partition, **rows[0]}]


def test_an_empty_lake_has_the_same_types_as_a_full_one(school: Settings) -> None:
    publish(school, Timetable(), now=NINE)
    seen = run_query(school, "FROM activity_windows")
    assert seen.schema == ACTIVITY_WINDOWS.arrow()
    assert seen.num_rows == 0


def test_partition_columns_are_not_repeated_in_the_files() -> None:
    inside = ACTIVITY_WINDOWS.arrow(without=PARTITION_COLUMNS)
    assert set(inside.names) == set(DESIGNED) - {"school_id", "date"}
    assert inside.field("window_start").type == pa.timestamp("us", tz="UTC")
