"""A real Chromium, a made-up class, and the service as an operator starts it.

The browser lives for the tests of this folder alone, not for the whole run: while it does, its
event loop counts as the main thread's, in which other tests run loops of their own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import (
    BrowserSession,
    browser_session,
    find_chromium_or_skip,
    launch_chromium,
)
from tests.browser.classroom import PAGE, Classroom, run_classroom

OpenSession = Callable[..., BrowserSession]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; without it the test skips, and says how to install it."""
    with launch_chromium(find_chromium_or_skip()) as opened:
        yield opened


@pytest.fixture
def classroom(browser: Browser, tmp_path: Path, migrated_sqlite: Path) -> Iterator[Classroom]:
    """A class of 24 during its lesson, all of them in the room."""
    assert browser.is_connected()  # required first: without it the test skips before the set-up
    with run_classroom(tmp_path, migrated_sqlite) as running:
        running.add_windows()
        running.set_people(24)
        yield running


@pytest.fixture
def open_session(browser: Browser, classroom: Classroom) -> Iterator[OpenSession]:
    """Opens browser sessions; none may log an error or contact another host."""
    with ExitStack() as opened:
        sessions: list[BrowserSession] = []

        def open_one(**options: Any) -> BrowserSession:
            sessions.append(
                opened.enter_context(browser_session(browser, classroom.url, **options))
            )
            return sessions[-1]

        yield open_one
        assert [problem for session in sessions for problem in session.problems] == []


@pytest.fixture
def lesson(open_session: OpenSession, classroom: Classroom) -> BrowserSession:
    """The lesson page, opened by a teacher of the class."""
    return open_lesson_page(open_session, classroom)


def open_lesson_page(
    open_session: OpenSession, classroom: Classroom, **options: Any
) -> BrowserSession:
    """Open the lesson page as a teacher of the class."""
    session = open_session(**options)
    session.sign_in_directly(classroom.token())
    session.goto(PAGE)
    return session
