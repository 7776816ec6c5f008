"""A pytest plugin: coverage.py does not measure tests that only repeat what others reach.

Under coverage.py Python takes nearly twice as long. Not measured are tests with the marker
`unmeasured`, those of `bench`, which is not measured either, and of the tests that run on each kind
of database those on PostgreSQL, but for the tests of the records themselves.
"""

import os
from collections.abc import Iterator

import pytest
from coverage import Coverage

BENCH, RECORDS = "tests/bench/", "tests/records/"
CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""The variable by which coverage.py measures processes that a test starts."""


def _is_measured(item: pytest.Item) -> bool:
    if item.get_closest_marker("unmeasured") or item.nodeid.startswith(BENCH):
        return False
    parameters = getattr(item, "callspec", None)
    on_postgresql = parameters is not None and parameters.params.get("records") == "postgresql"
    return not on_postgresql or item.nodeid.startswith(RECORDS)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Stop coverage.py for the test and the fixtures that it is the first to use."""
    measured = Coverage.current()
    if measured is None or _is_measured(item):
        return (yield)
    children, exit_process = os.environ.pop(CHILDREN, None), os._exit
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
        os._exit = exit_process  # coverage.py replaces it at each start
        if children is not None:
            os.environ[CHILDREN] = children
