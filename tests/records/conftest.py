"""Records and keys for tests of `cluster.records`."""

from tests.databases import keys, migrated_sqlite, records

__all__ = ["keys", "migrated_sqlite", "records"]
