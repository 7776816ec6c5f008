"""A pytest plugin: records in SQLite, and in PostgreSQL where `POSTGRES_TEST_URL` names a database.

The migrations run once for each kind of database. Each test gets a copy (SQLite), or a schema that
the test before has left empty (PostgreSQL, as a superuser).
"""

import atexit
import os
import secrets
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, Table, create_engine, make_url, text

from cluster.records.db.database import Records
from cluster.records.db.models import Base
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey

Rows = dict[Table, list[dict[str, Any]]]
POSTGRES = os.environ.get("POSTGRES_TEST_URL")
"""Read when the tests are loaded: each test runs without our variables."""

HOW = (
    "POSTGRES_TEST_URL is unset: `createdb homeroom_test`, then "
    "POSTGRES_TEST_URL='postgresql+psycopg:///homeroom_test?host=/var/run/postgresql'"
)


def sqlite_url(file: Path) -> URL:
    """The address of a SQLite file."""
    return URL.create("sqlite+pysqlite", database=str(file))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no row."""
    file = tmp_path_factory.mktemp("records") / "migrated.sqlite"
    empty = Records(sqlite_url(file))
    empty.migrate()
    empty.scrub()
    empty.close()
    return file


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.skipif(POSTGRES is None, reason=HOW)),
    ]
)
def records(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path
) -> Iterator[Records]:
    """Empty records, in each kind of database."""
    if request.param == "postgresql":
        yield from _in_postgres(make_url(POSTGRES or ""))
        return
    file = tmp_path / "records.sqlite"
    shutil.copyfile(migrated_sqlite, file)
    opened = Records(sqlite_url(file))
    yield opened
    opened.close()


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    """Keys under a random master key."""
    return KeyStore(tmp_path / "keys", LocalMasterKey(secrets.token_bytes(KEY_BYTES)))


def _in_postgres(server: URL) -> Iterator[Records]:
    url, first_rows = _migrated_schema(server)
    opened = Records(url)
    try:
        yield opened
    finally:
        opened.close()
        _empty(url, first_rows)


@cache
def _migrated_schema(server: URL) -> tuple[URL, Rows]:
    """The address of a schema with all tables, which is dropped when the process ends; its rows."""
    schema = f"test_{secrets.token_hex(8)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def say(what: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(what))

    say(f"CREATE SCHEMA {schema}")
    atexit.register(say, f"DROP SCHEMA {schema} CASCADE")
    url = server.update_query_dict({"options": f"-csearch_path={schema}"})
    made = Records(url)
    made.migrate()
    with made.engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        rows = {
            one: [dict(row._mapping) for row in connection.execute(one.select())] for one in tables
        }
    made.close()
    return url, rows


def _empty(url: URL, first_rows: Rows) -> None:
    """Leave the rows that the migrations made, and no others: also none of those that only grow."""
    admin = create_engine(url, poolclass=NullPool)
    with admin.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers
        connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
        for table, rows in first_rows.items():
            if rows:
                connection.execute(table.insert(), rows)
