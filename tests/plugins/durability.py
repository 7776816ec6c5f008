"""A pytest plugin: writes wait for no disk, except in tests with the marker `durable`.

What is written outlives its process either way; only a loss of power asks for more. The marker is
for tests that kill processes, so that those run exactly what an installation runs. Processes that
a test starts are not changed.
"""

import os
from typing import Any

import pytest
from sqlalchemy import Pool, event

_fsync = os.fsync
_is_durable = False


def pytest_configure() -> None:
    os.fsync = _fsync_if_durable
    event.listen(Pool, "checkout", _set_synchronous)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    global _is_durable
    _is_durable = item.get_closest_marker("durable") is not None


def _fsync_if_durable(fd: Any) -> None:
    if _is_durable:
        _fsync(fd)


def _set_synchronous(connection: Any, _record: Any, _proxy: Any) -> None:
    """Take back `synchronous = FULL`, which the records set when they connect."""
    if not _is_durable and type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous = OFF")
