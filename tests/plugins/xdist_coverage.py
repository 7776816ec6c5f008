"""A plugin of pytest: saves what coverage.py measured in a worker as its tests have ended.

coverage.py saves as a process ends, and pytest-xdist kills workers that need over ten seconds to.
"""

import pytest
from coverage import Coverage


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save, in a worker of pytest-xdist that is measured."""
    measured = Coverage.current()
    if hasattr(session.config, "workerinput") and measured is not None:
        measured.save()
