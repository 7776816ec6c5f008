"""Fixtures of the pages' tests: the made-up school of the API's tests, behind a browser's eyes."""

from tests.databases import keys, migrated_sqlite

__all__ = ["keys", "migrated_sqlite"]
