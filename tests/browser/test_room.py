"""The room's card: live counts, suppression, lost connections."""

import re

from playwright.sync_api import expect

from cluster.calibration.drift import Drift
from tests.browser.chromium import BrowserSession
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import OpenSession, open_lesson_page
from tests.browser.register import RegisterCard

FEW = "Fewer than 10 people"
LOST = "The connection is lost"
ACTIVITY_PATTERN = re.compile(
    r"hand.?(up|raised)|reading|writing|head.?down|standing|sitting|unclear|activity", re.IGNORECASE
)
SET_VISIBLE = """
(isVisible) => {
  Object.defineProperty(document, "hidden", { get: () => !isVisible, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
"""As when switching tabs; a headless browser counts all tabs as visible."""

RECONNECT_MILLISECONDS = 20_000


def test_live_counts_update_without_a_reload(classroom: Classroom, lesson: BrowserSession) -> None:
    people = lesson.page.locator("[data-count='people']")
    expect(people).to_have_text("24")
    expect(lesson.page.locator("[data-share='desk_work'] [data-text]")).to_have_text("58%")
    expect(lesson.page.locator("[data-share='reading']")).to_be_hidden()
    classroom.set_people(22)
    expect(people).to_have_text("22")
    expect(lesson.page.locator("[data-state='live']")).to_be_visible()


def test_activity_of_a_small_group_is_suppressed(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    page = lesson.page
    expect(page.locator("[data-suppressed]")).to_be_hidden()
    classroom.set_people(4)
    expect(page.locator("[data-suppressed]")).to_be_visible()
    expect(page.locator("[data-suppressed]")).to_contain_text(FEW)
    expect(page.locator("[data-count='people']")).to_have_text("4")
    expect(page.locator("[data-count='hands_up']")).to_have_text("–")
    assert set(page.locator(".bars [data-text]").all_inner_texts()) == {"–"}
    assert {bar.get_attribute("width") for bar in page.locator(".bars .fill").all()} == {"0"}

    page.reload()  # the page from the server suppresses the same
    expect(page.locator("[data-suppressed]")).to_be_visible()
    assert set(page.locator(".bars [data-text]").all_inner_texts()) == {"–"}
    assert re.findall(r".*%.*", page.locator("#room").inner_text()) == ["4 3–7 (95%)"]


def test_outdated_counts_are_marked_as_stale(classroom: Classroom, lesson: BrowserSession) -> None:
    classroom.set_people(24, state="late", reason="late")
    expect(lesson.page.get_by_text("late: the counts are outdated")).to_be_visible()
    expect(lesson.page.locator("#room")).to_have_class(re.compile("is-stale"))
    classroom.set_people(24)
    expect(lesson.page.locator("#room")).not_to_have_class(re.compile("is-stale"))


def test_a_camera_that_was_moved_is_reported_while_it_counts_on(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    notice = lesson.page.get_by_text("The camera was moved")
    expect(notice).to_be_hidden()
    classroom.set_people(24, camera_drift=Drift.MOVED)
    expect(notice).to_be_visible()
    expect(lesson.page.locator("[data-count='people']")).to_have_text("24")
    lesson.page.reload()
    expect(notice).to_be_visible()
    classroom.set_people(24)
    expect(notice).to_be_hidden()


def test_a_camera_that_is_down_is_reported(classroom: Classroom, lesson: BrowserSession) -> None:
    classroom.lose_camera()
    expect(lesson.page.get_by_text("the camera is down")).to_be_visible()
    expect(lesson.page.locator("[data-count='people']")).to_have_text("–")
    expect(lesson.page.locator("[data-suppressed]")).to_be_hidden()
    assert set(lesson.page.locator(".bars [data-text]").all_inner_texts()) == {"–"}


def test_a_lost_connection_is_reported_and_restored(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    page, register = lesson.page, RegisterCard(lesson.page)
    classroom.open_register()
    register.expect_present(0)
    expect(page.get_by_text(LOST)).to_be_hidden()
    page.context.set_offline(True)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=RECONNECT_MILLISECONDS)
    register.status_button(2, "absent").click()
    register.expect_not_status(2, "absent")
    assert page.url.endswith(PAGE)
    classroom.set_people(21)
    page.context.set_offline(False)
    expect(page.get_by_text(LOST)).to_be_hidden(timeout=RECONNECT_MILLISECONDS)
    expect(page.locator("[data-count='people']")).to_have_text("21")
    register.status_button(2, "absent").click()
    register.expect_status(2, "absent")


def test_hidden_pages_release_their_connections(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    first = lesson.page
    for _ in range(4):  # more than the connections of a browser
        page = first.context.new_page()
        page.goto(first.url)
        expect(page.locator("[data-count='people']")).to_have_text("24")
        page.evaluate(SET_VISIBLE, False)
    first.evaluate(SET_VISIBLE, False)
    classroom.set_people(19)
    first.wait_for_timeout(500)
    expect(first.locator("[data-count='people']")).to_have_text("24")
    first.evaluate(SET_VISIBLE, True)
    expect(first.locator("[data-count='people']")).to_have_text("19")


def test_no_name_is_tied_to_an_activity(classroom: Classroom, open_session: OpenSession) -> None:
    classroom.open_register()
    classroom.school.consent(1, 2)
    classroom.propose(1, unsure=[2])
    page = open_lesson_page(open_session, classroom).page
    card, names = page.locator("section", has=page.locator("#register")), "|".join(NAMES)

    assert all(name in card.inner_text() for name in NAMES)
    assert not ACTIVITY_PATTERN.search(card.evaluate("one => one.outerHTML"))
    assert ACTIVITY_PATTERN.search(page.locator("#room").evaluate("one => one.outerHTML"))
    assert not re.search(names, page.locator("#room").evaluate("one => one.outerHTML"))
    outside = page.evaluate(
        "() => { document.querySelector('#register').remove();"
        " return document.documentElement.outerHTML; }"
    )
    assert not re.search(names, outside)


def test_counts_are_hidden_after_the_lesson(classroom: Classroom, lesson: BrowserSession) -> None:
    classroom.school.clock.advance(hours=1)
    lesson.page.reload()
    expect(lesson.page.locator("#room")).to_contain_text("Counts are shown during the lesson")
    assert lesson.page.locator("[data-count]").count() == 0
