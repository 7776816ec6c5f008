"""What holds for every page: no other host, no unwanted motion, few bytes."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.classroom import PAGE, Classroom
from tests.browser.conftest import OpenSession, open_lesson_page

MAX_BYTES = 100_000
"""Of HTML, styles and scripts."""


def test_a_request_to_another_host_is_detected(open_session: OpenSession) -> None:
    session = open_session()
    session.goto("/sign-in")
    session.page.evaluate(
        "document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2/' }))"
    )
    expect(session.page.locator("img[src='http://127.0.0.2/']")).to_have_count(1)
    assert any("Content Security Policy" in problem for problem in session.problems)
    session.problems.clear()


@pytest.mark.parametrize(("preference", "moves"), [("reduce", False), ("no-preference", True)])
def test_reduced_motion_is_respected(
    preference: Any, moves: bool, classroom: Classroom, open_session: OpenSession
) -> None:
    page = open_lesson_page(open_session, classroom, reduced_motion=preference).page
    found = page.evaluate(
        "() => getComputedStyle(document.querySelector('.bar .fill')).transitionDuration"
    )
    assert (found != "0s") is moves


def test_a_lesson_page_is_small(classroom: Classroom, open_session: OpenSession) -> None:
    classroom.open_register()
    session = open_session()
    session.sign_in_directly(classroom.token())
    sizes = session.measure_bytes(PAGE)
    assert all(size > 1000 for size in sizes.values()), sizes
    assert sum(sizes.values()) < MAX_BYTES
