from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.databases import keys, migrated_sqlite, records
from tests.register.school import School, create_school

__all__ = ["keys", "migrated_sqlite", "records"]


@pytest.fixture
def school(records: Records, keys: KeyStore, tmp_path: Path) -> School:
    return create_school(records, keys, tmp_path)
