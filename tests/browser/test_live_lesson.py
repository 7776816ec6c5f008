"""A lesson from sign-in to a taken register, on the service as an operator starts it.

One service for all tests of this file, which run in order and leave it running.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import PHONE, BrowserSession, browser_session
from tests.browser.live import ADULTS, AGREED, STUDENTS, LiveLesson, live_lesson
from tests.serve_apps.running_service import until

pytestmark = pytest.mark.ray

TIMEOUT = 60_000
LOST = "The connection is lost"


@pytest.fixture(scope="module")
def live(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLesson]:
    assert browser.is_connected()
    with live_lesson(tmp_path_factory.mktemp("live")) as lesson:
        until(lambda: lesson.service.get("/api/rooms/room-1")["state"] == "live", "numbers")
        yield lesson


@pytest.fixture(scope="module")
def browsers(browser: Browser, live: LiveLesson) -> Iterator[tuple[BrowserSession, BrowserSession]]:
    """The same teacher at a desk and on a phone."""
    with ExitStack() as opened:
        url = live.service.url
        desk = opened.enter_context(browser_session(browser, url))
        phone = opened.enter_context(browser_session(browser, url, size=PHONE, color_scheme="dark"))
        yield desk, phone


def status_button(page: Page, number: int, status: str) -> Locator:
    """The button of a status in an entry of the list."""
    return (
        page.locator(".register-list > li")
        .nth(number)
        .get_by_role("button", name=status, exact=True)
    )


def expect_status(page: Page, number: int, status: str) -> None:
    expect(status_button(page, number, status)).to_have_attribute("aria-pressed", "true")


def expect_present(page: Page, count: int) -> None:
    expect(page.locator("#register")).to_contain_text(f"{count} of {STUDENTS} present")


def button(page: Page, text: str) -> Locator:
    return page.locator("#register").get_by_role("button", name=text, exact=True)


def test_a_teacher_signs_in_and_sees_the_lesson_live(
    live: LiveLesson, browsers: tuple[BrowserSession, BrowserSession]
) -> None:
    for session in browsers:
        session.sign_in(live.token)
        assert session.page.url.endswith(live.path)  # the current lesson, without a search
        expect(session.page.locator("[data-state='live']")).to_be_visible(timeout=TIMEOUT)
        expect(session.page.locator("[data-count='people']")).to_have_text(
            str(ADULTS), timeout=TIMEOUT
        )
        expect(session.page.locator("[data-suppressed]")).to_be_hidden()
        expect(session.page.locator("[data-share='standing'] [data-text]")).to_have_text(
            re.compile(r"\d%"), timeout=TIMEOUT
        )


def test_confirmed_proposals_appear_in_both_browsers(
    browsers: tuple[BrowserSession, BrowserSession],
) -> None:
    desk, phone = (session.page for session in browsers)
    button(desk, "Open the register").click()
    proposals = f"{AGREED} proposals to confirm."
    for page in (desk, phone):
        expect(page.locator("#register")).to_contain_text(proposals, timeout=TIMEOUT)
    assert desk.locator(".status-button[aria-pressed='true']").count() == 0
    button(desk, "Confirm all").click()
    for page in (desk, phone):
        expect(page.locator("#register")).not_to_contain_text("to confirm")
        expect_present(page, AGREED)


def test_a_second_browser_follows_each_change_of_the_register(
    browsers: tuple[BrowserSession, BrowserSession],
) -> None:
    desk, phone = (session.page for session in browsers)
    status_button(desk, 5, "absent").click()
    expect_status(phone, 5, "absent")
    button(phone, "All others are present").click()
    expect_present(desk, STUDENTS - 1)
    status_button(desk, 6, "late").click()  # one tap corrects it
    expect_status(phone, 6, "late")
    button(phone, "Undo").click()
    for page in (desk, phone):
        expect_status(page, 6, "present")
        expect_status(page, 5, "absent")
    button(desk, "Close").click()
    expect(phone.locator("#register")).to_contain_text("closed to badges and faces")


def test_open_pages_recover_from_a_killed_api_replica(
    live: LiveLesson, browsers: tuple[BrowserSession, BrowserSession]
) -> None:
    desk, phone = (session.page for session in browsers)
    line = desk.locator(".chart .line").first
    expect(line).to_have_attribute("points", re.compile(r"\d"), timeout=TIMEOUT)
    live.service.kill("ServeReplica:homeroom:Api")
    for page in (desk, phone):
        expect(page.get_by_text(LOST)).to_be_visible(timeout=TIMEOUT)
    for page in (desk, phone):
        expect(page.get_by_text(LOST)).to_be_hidden(timeout=TIMEOUT)
        expect(page.locator("[data-count='people']")).to_have_text(str(ADULTS), timeout=TIMEOUT)
        expect(page.locator("#room")).not_to_have_class(re.compile("is-stale"), timeout=TIMEOUT)
    drawn = line.get_attribute("points")
    expect(line).not_to_have_attribute("points", drawn or "", timeout=TIMEOUT)
    status_button(phone, 5, "present").click()
    expect_status(desk, 5, "present")


def test_no_page_logged_an_error_or_contacted_another_host(
    browsers: tuple[BrowserSession, BrowserSession],
) -> None:
    assert [problem for session in browsers for problem in session.problems] == []
