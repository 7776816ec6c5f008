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

from tests.browser.chromium import Window, chromium, chromium_or_skip, window_of
from tests.browser.classroom import PAGE, Classroom, classroom

Windows = Callable[..., Window]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; the test skips, and says how to install it, where there is none."""
    with chromium(chromium_or_skip()) as opened:
        yield opened


@pytest.fixture
def room(browser: Browser, tmp_path: Path, migrated_sqlite: Path) -> Iterator[Classroom]:
    """A class of 24 in its lesson, all of them in the room."""
    assert browser.is_connected()  # asked for first: without one, nothing else need be made
    with classroom(tmp_path, migrated_sqlite) as made:
        made.say_minutes()
        made.say(24)
        yield made


@pytest.fixture
def windows(browser: Browser, room: Classroom) -> Iterator[Windows]:
    """Opens windows onto the class's pages; none of them may complain, or ask another host."""
    with ExitStack() as opened:
        made: list[Window] = []

        def open_one(**options: Any) -> Window:
            made.append(opened.enter_context(window_of(browser, room.url, **options)))
            return made[-1]

        yield open_one
        assert [problem for window in made for problem in window.problems] == []


@pytest.fixture
def lesson(windows: Windows, room: Classroom) -> Window:
    """A teacher of the class, at the lesson's page."""
    return at_the_lesson(windows, room)


def at_the_lesson(windows: Windows, room: Classroom, **options: Any) -> Window:
    """A window in which a teacher of the class sees the lesson's page."""
    window = windows(**options)
    window.let_in(room.token())
    window.goto(PAGE)
    return window
