"""A made-up school for the tests of the HTTP API, and the API over it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.databases import sqlite_url
from tests.register.school import School, create_school
from tests.serve_apps.http.api_client import ApiClient, open_api_client, settings_of


@pytest.fixture
def sqlite_school(tmp_path: Path, migrated_sqlite: Path, keys: KeyStore) -> Iterator[School]:
    """A school with two teachers, in SQLite alone: for tests that run no query of their own."""
    file = tmp_path / "records.sqlite"
    shutil.copyfile(migrated_sqlite, file)
    opened = Records(sqlite_url(file))
    yield create_school(opened, keys, tmp_path, students=1)
    opened.close()


@pytest.fixture
def school(records: Records, keys: KeyStore, tmp_path: Path) -> School:
    """A school with its settings, in each kind of database."""
    found = create_school(records, keys, tmp_path)
    found.settings = settings_of(tmp_path, found)
    return found


@pytest.fixture
def api_client(school: School) -> Iterator[ApiClient]:
    """The API over the school, in this process."""
    with open_api_client(school) as opened:
        yield opened
