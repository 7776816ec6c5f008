"""The room's card: numbers as they change, what is withheld, what is said when it is lost."""

import re

from playwright.sync_api import expect

from tests.browser.chromium import Window
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import Windows, at_the_lesson
from tests.browser.register import RegisterCard

FEW = "Fewer than 10 people"
LOST = "The connection is lost"
ACTIVITY_WORDS = re.compile(
    r"hand.?(up|raised)|reading|writing|head.?down|standing|sitting|unclear|activity", re.IGNORECASE
)
SEEN = """
(isSeen) => {
  Object.defineProperty(document, "hidden", { get: () => !isSeen, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
"""As when another tab is chosen; without a screen, all of them count as seen."""

COMES_BACK_MILLISECONDS = 20_000


def test_the_numbers_move_by_themselves(room: Classroom, lesson: Window) -> None:
    people = lesson.page.locator("[data-count='people']")
    expect(people).to_have_text("24")
    expect(lesson.page.locator("[data-share='reading'] [data-text]")).to_have_text("21%")
    room.say(22)
    expect(people).to_have_text("22")
    expect(lesson.page.locator("[data-state='live']")).to_be_visible()


def test_of_few_people_nothing_but_their_number_is_told(room: Classroom, lesson: Window) -> None:
    page = lesson.page
    expect(page.locator("[data-suppressed]")).to_be_hidden()
    room.say(4)
    expect(page.locator("[data-suppressed]")).to_be_visible()
    expect(page.locator("[data-suppressed]")).to_contain_text(FEW)
    expect(page.locator("[data-count='people']")).to_have_text("4")
    expect(page.locator("[data-count='hands_up']")).to_have_text("–")
    assert set(page.locator(".bars [data-text]").all_inner_texts()) == {"–"}
    assert {bar.get_attribute("width") for bar in page.locator(".bars .fill").all()} == {"0"}

    page.reload()  # the server's own page withholds the same
    expect(page.locator("[data-suppressed]")).to_be_visible()
    assert set(page.locator(".bars [data-text]").all_inner_texts()) == {"–"}
    assert page.locator("#room").inner_text().count("%") == 0


def test_old_numbers_are_said_to_be_old(room: Classroom, lesson: Window) -> None:
    room.say(24, state="late", reason="late")
    expect(lesson.page.get_by_text("late: the counts are outdated")).to_be_visible()
    expect(lesson.page.locator("#room")).to_have_class(re.compile("is-stale"))
    room.say(24)
    expect(lesson.page.locator("#room")).not_to_have_class(re.compile("is-stale"))


def test_a_camera_that_is_down_is_said_to_be(room: Classroom, lesson: Window) -> None:
    room.lose_camera()
    expect(lesson.page.get_by_text("the camera is down")).to_be_visible()
    expect(lesson.page.locator("[data-count='people']")).to_have_text("–")
    expect(lesson.page.locator("[data-suppressed]")).to_be_hidden()
    assert set(lesson.page.locator(".bars [data-text]").all_inner_texts()) == {"–"}


def test_a_lost_connection_is_said_and_comes_back_by_itself(
    room: Classroom, lesson: Window
) -> None:
    page, register = lesson.page, RegisterCard(lesson.page)
    room.open()
    register.expect_there(0)
    expect(page.get_by_text(LOST)).to_be_hidden()
    page.context.set_offline(True)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=COMES_BACK_MILLISECONDS)
    register.tap(2, "absent").click()
    register.expect_unsaid(2, "absent")
    assert page.url.endswith(PAGE)
    room.say(21)
    page.context.set_offline(False)
    expect(page.get_by_text(LOST)).to_be_hidden(timeout=COMES_BACK_MILLISECONDS)
    expect(page.locator("[data-count='people']")).to_have_text("21")
    register.tap(2, "absent").click()
    register.expect_said(2, "absent")


def test_pages_that_nobody_sees_leave_their_connections_to_others(
    room: Classroom, lesson: Window
) -> None:
    first = lesson.page
    for _ in range(4):  # more than a browser has connections for
        page = first.context.new_page()
        page.goto(first.url)
        expect(page.locator("[data-count='people']")).to_have_text("24")
        page.evaluate(SEEN, False)
    first.evaluate(SEEN, False)
    room.say(19)
    first.wait_for_timeout(500)
    expect(first.locator("[data-count='people']")).to_have_text("24")
    first.evaluate(SEEN, True)
    expect(first.locator("[data-count='people']")).to_have_text("19")


def test_nothing_ties_a_name_to_what_anybody_does(room: Classroom, windows: Windows) -> None:
    room.open()
    room.school.consent(1, 2)
    room.propose(1, unsure=[2])
    page = at_the_lesson(windows, room).page
    card, names = page.locator("section", has=page.locator("#register")), "|".join(NAMES)

    assert all(name in card.inner_text() for name in NAMES)
    assert not ACTIVITY_WORDS.search(card.evaluate("one => one.outerHTML"))
    assert ACTIVITY_WORDS.search(page.locator("#room").evaluate("one => one.outerHTML"))
    assert not re.search(names, page.locator("#room").evaluate("one => one.outerHTML"))
    outside = page.evaluate(
        "() => { document.querySelector('#register').remove();"
        " return document.documentElement.outerHTML; }"
    )
    assert not re.search(names, outside)


def test_the_room_of_a_lesson_that_is_over_is_not_told(room: Classroom, lesson: Window) -> None:
    room.school.clock.turn(hours=1)
    lesson.page.reload()
    expect(lesson.page.locator("#room")).to_contain_text("Counts are shown during the lesson")
    assert lesson.page.locator("[data-count]").count() == 0
