from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.checkins.classroom import Classroom, create_classroom
from tests.databases import keys, migrated_sqlite, records

__all__ = ["keys", "migrated_sqlite", "records"]


@pytest.fixture
def room(records: Records, keys: KeyStore, tmp_path: Path) -> Classroom:
    return create_classroom(records, keys, tmp_path)
