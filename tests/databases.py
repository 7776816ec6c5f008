"""A pytest plugin: records in SQLite, and in PostgreSQL where `POSTGRES_TEST_URL` names a database.

The migrations run once for each kind of database and process. Each test gets a copy (SQLite), or a
schema from which the rows of the test before are deleted (PostgreSQL, as a superuser).

Every test with the fixture `records` runs on both, except those with the marker `sqlite`. It is for
files about something else, such as routes, where each SQL statement also runs on PostgreSQL in
another file. Tests of locks, constraints, migrations, transactions and concurrency never have it,
nor have those of modules that build statements.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, Table, create_engine, make_url, text

from cluster.records.db.database import Records
from cluster.records.db.models import Base
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey

POSTGRES = os.environ.get("POSTGRES_TEST_URL")
"""Read at import, because each test runs without environment variables of Homeroom."""

HOW = (
    "POSTGRES_TEST_URL is unset: `createdb homeroom_test`, then "
    "POSTGRES_TEST_URL='postgresql+psycopg:///homeroom_test?host=/var/run/postgresql'"
)

DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(POSTGRES is None, reason=HOW)),
]

RESTART_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE schemaname = current_schema()
"""


def sqlite_url(file: Path) -> URL:
    """Return the URL of a SQLite file."""
    return URL.create("sqlite+pysqlite", database=str(file))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with all tables and without rows."""
    file = tmp_path_factory.mktemp("records") / "migrated.sqlite"
    empty = Records(sqlite_url(file))
    empty.migrate()
    empty.scrub()
    empty.close()
    return file


@dataclass(frozen=True)
class PostgresSchema:
    """A schema of PostgreSQL with all tables.

    Attributes:
        url: Its address.
        rows: The rows of each table that the migrations made.
    """

    url: URL
    rows: dict[Table, list[dict[str, Any]]]

    @classmethod
    def migrated(cls, url: URL) -> "PostgresSchema":
        """Run the migrations in an empty schema."""
        records = Records(url)
        records.migrate()
        with records.engine.connect() as connection:
            tables = Base.metadata.sorted_tables
            rows = {
                one: [dict(row._mapping) for row in connection.execute(one.select())]
                for one in tables
            }
        records.close()
        return cls(url, rows)

    def reset(self) -> None:
        """Delete all rows but those of the migrations, also of append-only tables.

        `DELETE` takes milliseconds for a few rows; `TRUNCATE` makes new files, for 25 tables a
        quarter of a second.
        """
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers
            for table in self.rows:
                connection.execute(table.delete())
            connection.execute(text(RESTART_SEQUENCES))
            for table, rows in self.rows.items():
                if rows:
                    connection.execute(table.insert(), rows)


@pytest.fixture(scope="session")
def postgres_schema() -> Iterator[PostgresSchema]:
    """Yield a schema for this process, dropped at the end; commits do not wait for the disk."""
    server = make_url(POSTGRES or "")
    name = f"test_{secrets.token_hex(8)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    options = f"-csearch_path={name} -csynchronous_commit=off"
    yield PostgresSchema.migrated(server.update_query_dict({"options": options}))
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of records once for each kind of database."""
    if "records" in metafunc.fixturenames:
        is_one = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("records", DATABASES[:1] if is_one else DATABASES, indirect=True)


@pytest.fixture
def records(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path
) -> Iterator[Records]:
    """Yield empty records, in each kind of database."""
    if request.param == "postgresql":
        schema: PostgresSchema = request.getfixturevalue("postgres_schema")
        opened = Records(schema.url)
    else:
        file = tmp_path / "records.sqlite"
        shutil.copyfile(migrated_sqlite, file)
        opened = Records(sqlite_url(file))
    yield opened
    opened.close()
    if request.param == "postgresql":
        schema.reset()


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    """Return keys under a random master key."""
    return KeyStore(tmp_path / "keys", LocalMasterKey(secrets.token_bytes(KEY_BYTES)))
