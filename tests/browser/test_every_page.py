"""What holds for every page: nothing comes from elsewhere, nothing moves unasked, all is light."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.classroom import PAGE, Classroom
from tests.browser.conftest import Windows, at_the_lesson

MOST_BYTES = 100_000
"""Of HTML, styles and scripts."""


def test_a_page_that_asks_another_host_is_found_out(windows: Windows) -> None:
    window = windows()
    window.goto("/sign-in")
    window.page.evaluate(
        "document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2/' }))"
    )
    expect(window.page.locator("img[src='http://127.0.0.2/']")).to_have_count(1)
    assert any("Content Security Policy" in problem for problem in window.problems)
    window.problems.clear()


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_who_wants_no_motion_gets_none(
    wish: Any, moves: bool, room: Classroom, windows: Windows
) -> None:
    page = at_the_lesson(windows, room, reduced_motion=wish).page
    found = page.evaluate(
        "() => getComputedStyle(document.querySelector('.bar .fill')).transitionDuration"
    )
    assert (found != "0s") is moves


def test_a_lesson_page_is_light(room: Classroom, windows: Windows) -> None:
    room.open()
    window = windows()
    window.let_in(room.token())
    sizes = window.weigh(PAGE)
    assert all(size > 1000 for size in sizes.values()), sizes
    assert sum(sizes.values()) < MOST_BYTES
