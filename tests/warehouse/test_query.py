"""Asking the warehouse: it reads, and whatever is tried, nothing is written and nothing leaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.district import Timetable
from cluster.errors import NotPublished, QueryRefused
from cluster.settings import Settings, load_settings
from cluster.warehouse.publish import publish
from cluster.warehouse.query import open_warehouse, run_query, warehouse_path
from tests.conftest import write_settings
from tests.plugins.hypothesis_profiles import examples
from tests.warehouse.test_lake import window
from tests.warehouse.test_publish import write_windows

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PART = "activity_windows/school_id=hill/date=2026-03-02/cam1_20260302T090000Z.parquet"

WRITES = (
    "COPY (SELECT 1) TO '{lake}/new.csv'",
    "COPY rooms TO '{lake}/" + PART + "' (FORMAT parquet)",
    "COPY (SELECT 1) TO '{data}/new.csv'",
    "COPY rooms FROM '{lake}/new.csv'",
    "WITH written AS (COPY (SELECT 1) TO '{lake}/new.csv') FROM written",
    "WITH written AS (COPY rooms TO '{lake}/" + PART + "' (FORMAT parquet)) FROM written",
    "WITH a AS (SELECT 1), b AS (COPY (FROM a) TO '{lake}/new.csv') SELECT count(*) FROM b",
    "SELECT * FROM (WITH written AS (COPY (SELECT 1) TO '{lake}/new.csv') FROM written)",
    "FROM query('WITH written AS (COPY (SELECT 1) TO ''{lake}/new.csv'') FROM written')",
    "FROM query('COPY (SELECT 1) TO ''{lake}/new.csv''')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/new.csv'",
    "EXPLAIN ANALYZE WITH w AS (COPY (SELECT 1) TO '{lake}/new.csv') FROM w",
    "EXPORT DATABASE '{lake}/all'",
    "IMPORT DATABASE '{lake}/all'",
    "ATTACH '{lake}/other.duckdb' AS other",
    "ATTACH ':memory:' AS other",
    "CREATE TABLE mine (x INTEGER)",
    "CREATE TEMP TABLE mine AS SELECT 1",
    "CREATE OR REPLACE VIEW activity_windows AS SELECT 1",
    "CREATE MACRO rooms() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "INSERT INTO rooms SELECT * FROM rooms",
    "WITH written AS (INSERT INTO rooms FROM rooms RETURNING *) FROM written",
    "WITH gone AS (DELETE FROM rooms RETURNING *) FROM gone",
    "UPDATE rooms SET name = 'x'",
    "DELETE FROM rooms",
    "DROP TABLE rooms",
    "ALTER TABLE rooms RENAME TO r",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET allowed_directories",
    "SET threads = 1",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM 'https://example.org'",
    "CALL enable_logging(storage => 'file', storage_path => '{lake}/logs')",
    "FROM enable_logging('QueryLog', storage = 'file', storage_path = '{lake}/logs')",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "SELECT 1; COPY (SELECT 1) TO '{lake}/new.csv'",
    "SELECT 1; SELECT 2",
    "",
    ";",
    "-- nothing",
)

PRIES = (
    "FROM read_parquet('{lake}/" + PART + "')",
    "FROM read_parquet('{lake}/*/*/*/*.parquet')",
    "FROM glob('{lake}/*')",
    "FROM read_csv('/etc/passwd', header = false, sep = '|', columns = {{'line': 'VARCHAR'}})",
    "FROM read_text('/etc/passwd')",
    "FROM read_blob('/etc/passwd')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM glob('/etc/*')",
    "FROM '/etc/passwd'",
    "FROM glob('{lake}/../*')",
    "FROM read_text('{data}/../homeroom.toml')",
    "FROM read_text('{lake}/../../homeroom.toml')",
    "FROM read_text('{lake}/activity_windows/../../../homeroom.toml')",
    "FROM read_text('file://{lake}/../../homeroom.toml')",
    "FROM read_text('{data}/lake-of-another/secret.txt')",
    "FROM read_text('{data}/../link.toml')",
    "FROM read_csv('https://example.org/x.csv')",
    "FROM query('FROM read_text(''/etc/passwd'')')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT getenv('HOME')",
)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A published school with two windows; a folder beside its lake, and a link to its settings."""
    folder = tmp_path_factory.mktemp("district")
    school = load_settings(write_settings(folder))
    write_windows(school, [window(NINE), window(NINE + timedelta(seconds=10))])
    publish(school, Timetable(), now=NINE)
    beside = school.data_dir / "lake-of-another"
    beside.mkdir()
    (beside / "secret.txt").write_text("not for analysts")
    (folder / "link.toml").symlink_to("homeroom.toml")
    return school


@contextmanager
def nothing_changes(settings: Settings) -> Iterator[None]:
    """See that every file of the installation stays as it is; put back what does not."""
    before = contents(settings)
    try:
        yield
        assert contents(settings) == before
    finally:
        for path in contents(settings).keys() - before.keys():
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)


def contents(settings: Settings) -> dict[Path, bytes]:
    """Every file of the installation but locks."""
    files = (path for path in settings.data_dir.parent.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.suffix != ".lock"}


def filled(settings: Settings, sql: str) -> str:
    return sql.format(lake=settings.lake_dir, data=settings.data_dir)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT count(*) AS n FROM activity_windows", [{"n": 2}]),
        ("FROM schools SELECT name", [{"name": "Hill School"}]),
        ("WITH a AS (FROM rooms) SELECT max(name) AS last FROM a;", [{"last": "Room 1"}]),
        ("SELECT name FROM rooms ORDER BY name DESC LIMIT 1 -- the last", [{"name": "Room 1"}]),
        ("VALUES (1)", [{"col0": 1}]),
        ("SELECT 'COPY (SELECT 1) TO ''x''' AS text", [{"text": "COPY (SELECT 1) TO 'x'"}]),
    ],
)
def test_a_statement_that_reads_is_answered(
    published: Settings, sql: str, answer: list[dict[str, object]]
) -> None:
    assert run_query(published, sql).to_pylist() == answer


@pytest.mark.parametrize("sql", ["SHOW TABLES", "DESCRIBE rooms", "SUMMARIZE activity_windows"])
def test_the_warehouse_can_be_explored(published: Settings, sql: str) -> None:
    assert run_query(published, sql).num_rows >= 4


def test_times_are_given_in_utc(published: Settings) -> None:
    answer = run_query(published, "SELECT min(window_start)::VARCHAR AS t FROM activity_windows")
    assert answer.to_pylist() == [{"t": "2026-03-02 09:00:00+00"}]


@pytest.mark.parametrize("sql", WRITES, ids=range(len(WRITES)))
def test_a_statement_that_does_more_than_read_is_rejected_and_changes_nothing(
    published: Settings, sql: str
) -> None:
    with nothing_changes(published), pytest.raises(QueryRefused):
        run_query(published, filled(published, sql))


@pytest.mark.parametrize("sql", PRIES, ids=range(len(PRIES)))
def test_nothing_outside_the_warehouse_can_be_read(published: Settings, sql: str) -> None:
    with nothing_changes(published), pytest.raises(QueryRefused):
        run_query(published, filled(published, sql))


def test_variables_of_the_program_are_not_tables(published: Settings) -> None:
    secrets = pa.table({"x": [1]})
    assert secrets.num_rows == 1
    for name in ("secrets", "settings", "sql", "statements"):
        with pytest.raises(QueryRefused, match="does not exist"):
            run_query(published, f"FROM {name}")


@effort(max_examples=examples(20), deadline=None)
@given(
    st.sampled_from([sql for sql in WRITES if sql.startswith(("COPY", "CREATE", "INSERT", "SET"))]),
    st.sampled_from(["", "/* read */ ", "-- read\n", "\n\t", "SELECT 1; ", "EXPLAIN ", "( "]),
    st.sampled_from(["", ";", "; SELECT 1", " -- end", " )"]),
    st.booleans(),
)
def test_no_disguise_lets_a_write_through(
    published: Settings, sql: str, before: str, after: str, lower: bool
) -> None:
    head, _, rest = filled(published, sql).partition(" ")
    with nothing_changes(published), pytest.raises(QueryRefused):
        run_query(published, before + (head.lower() if lower else head) + " " + rest + after)


def test_a_slip_of_the_pen_is_pointed_at(published: Settings) -> None:
    with pytest.raises(QueryRefused, match=r'(?s)syntax error at or near "SELEC".*\^'):
        run_query(published, "SELEC name FROM rooms")


def test_an_unknown_column_is_named(published: Settings) -> None:
    with pytest.raises(QueryRefused, match="nam"):
        run_query(published, "SELECT nam FROM rooms")


def test_a_value_that_is_invalid_is_reported(published: Settings) -> None:
    with pytest.raises(QueryRefused, match="Could not convert"):
        run_query(published, "SELECT name::INTEGER FROM rooms")


def test_before_the_first_publication_the_error_says_what_to_do(school: Settings) -> None:
    with pytest.raises(NotPublished, match="homeroom publish"):
        run_query(school, "SELECT 1")


def test_a_file_that_is_no_database_is_rejected_with_a_reason(school: Settings) -> None:
    school.warehouse_dir.mkdir(parents=True)
    warehouse_path(school).write_bytes(b"not a database" * 1000)
    with pytest.raises(QueryRefused, match="cannot be opened"):
        run_query(school, "SELECT 1")


def test_a_rejected_query_does_not_block_the_next(published: Settings) -> None:
    for _ in range(2):
        with pytest.raises(QueryRefused):
            run_query(published, "COPY (SELECT 1) TO 'x.csv'")
    assert run_query(published, "SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_two_may_query_at_the_same_time(published: Settings) -> None:
    with open_warehouse(published) as first:
        assert run_query(published, "SELECT 1 AS one").to_pylist() == [{"one": 1}]
        assert first.sql("SELECT count(*) FROM rooms").fetchall() == [(2,)]
