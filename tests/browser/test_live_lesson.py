"""A teacher's lesson from sign-in to a taken register, on the service as an operator starts it.

One service for all tests of this file, in their order; each leaves it running.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import PHONE, Window, window_of
from tests.browser.live import ADULTS, AGREED, STUDENTS, LiveLesson, live_lesson
from tests.serve_apps.running_service import until

pytestmark = pytest.mark.ray

PATIENCE = 60_000
LOST = "The connection is lost"


@pytest.fixture(scope="module")
def live(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLesson]:
    assert browser.is_connected()
    with live_lesson(tmp_path_factory.mktemp("live")) as lesson:
        until(lambda: lesson.service.get("/api/rooms/room-1")["state"] == "live", "numbers")
        yield lesson


@pytest.fixture(scope="module")
def two(browser: Browser, live: LiveLesson) -> Iterator[tuple[Window, Window]]:
    """The same teacher at a desk, and with a phone."""
    with ExitStack() as opened:
        url = live.service.url
        desk = opened.enter_context(window_of(browser, url))
        phone = opened.enter_context(window_of(browser, url, size=PHONE, color_scheme="dark"))
        yield desk, phone


def tap(page: Page, line: int, word: str) -> Locator:
    """The button of a word in a line of the list."""
    return (
        page.locator(".register-list > li").nth(line).get_by_role("button", name=word, exact=True)
    )


def expect_said(page: Page, line: int, word: str) -> None:
    expect(tap(page, line, word)).to_have_attribute("aria-pressed", "true")


def expect_there(page: Page, count: int) -> None:
    expect(page.locator("#register")).to_contain_text(f"{count} of {STUDENTS} present")


def button(page: Page, text: str) -> Locator:
    return page.locator("#register").get_by_role("button", name=text, exact=True)


def test_a_teacher_signs_in_and_sees_the_lesson_live(
    live: LiveLesson, two: tuple[Window, Window]
) -> None:
    for window in two:
        window.sign_in(live.token)
        assert window.page.url.endswith(live.path)  # the lesson that is on, without a search
        expect(window.page.locator("[data-state='live']")).to_be_visible(timeout=PATIENCE)
        expect(window.page.locator("[data-count='people']")).to_have_text(
            str(ADULTS), timeout=PATIENCE
        )
        expect(window.page.locator("[data-suppressed]")).to_be_hidden()
        expect(window.page.locator("[data-share='standing'] [data-text]")).to_have_text(
            re.compile(r"\d%"), timeout=PATIENCE
        )


def test_the_cameras_proposals_are_confirmed_and_both_windows_see_it(
    two: tuple[Window, Window],
) -> None:
    desk, phone = (window.page for window in two)
    button(desk, "Open the register").click()
    waits = f"{AGREED} proposals to confirm."
    for page in (desk, phone):
        expect(page.locator("#register")).to_contain_text(waits, timeout=PATIENCE)
    assert desk.locator(".status-button[aria-pressed='true']").count() == 0
    button(desk, "Confirm all").click()
    for page in (desk, phone):
        expect(page.locator("#register")).not_to_contain_text("to confirm")
        expect_there(page, AGREED)


def test_the_register_is_taken_and_a_second_window_follows_each_tap(
    two: tuple[Window, Window],
) -> None:
    desk, phone = (window.page for window in two)
    tap(desk, 5, "absent").click()
    expect_said(phone, 5, "absent")
    button(phone, "All others are present").click()
    expect_there(desk, STUDENTS - 1)
    tap(desk, 6, "late").click()  # one tap corrects
    expect_said(phone, 6, "late")
    button(phone, "Undo").click()
    for page in (desk, phone):
        expect_said(page, 6, "present")
        expect_said(page, 5, "absent")
    button(desk, "Close").click()
    expect(phone.locator("#register")).to_contain_text("closed to badges and faces")


def test_an_open_page_outlives_a_killed_api(live: LiveLesson, two: tuple[Window, Window]) -> None:
    desk, phone = (window.page for window in two)
    line = desk.locator(".chart .line").first
    expect(line).to_have_attribute("points", re.compile(r"\d"), timeout=PATIENCE)
    live.service.kill("ServeReplica:homeroom:Api")
    for page in (desk, phone):
        expect(page.get_by_text(LOST)).to_be_visible(timeout=PATIENCE)
    for page in (desk, phone):
        expect(page.get_by_text(LOST)).to_be_hidden(timeout=PATIENCE)
        expect(page.locator("[data-count='people']")).to_have_text(str(ADULTS), timeout=PATIENCE)
        expect(page.locator("#room")).not_to_have_class(re.compile("is-stale"), timeout=PATIENCE)
    drawn = line.get_attribute("points")
    expect(line).not_to_have_attribute("points", drawn or "", timeout=PATIENCE)
    tap(phone, 5, "present").click()
    expect_said(desk, 5, "present")


def test_neither_page_ever_complained_or_asked_another_host(two: tuple[Window, Window]) -> None:
    assert [problem for window in two for problem in window.problems] == []
