"""A made-up school for the tests of the door; SQLite is enough where no query is of our own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.databases import keys, migrated_sqlite, sqlite_url
from tests.register.school import School, create_school

__all__ = ["keys", "migrated_sqlite"]


@pytest.fixture
def hillside(tmp_path: Path, migrated_sqlite: Path, keys: KeyStore) -> Iterator[School]:
    """A school with two teachers."""
    file = tmp_path / "records.sqlite"
    shutil.copyfile(migrated_sqlite, file)
    opened = Records(sqlite_url(file))
    yield create_school(opened, keys, tmp_path, students=1)
    opened.close()
