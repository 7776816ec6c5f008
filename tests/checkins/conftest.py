from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.checkins.classroom import Classroom, create_classroom


@pytest.fixture
def room(records: Records, keys: KeyStore, tmp_path: Path) -> Classroom:
    return create_classroom(records, keys, tmp_path)
