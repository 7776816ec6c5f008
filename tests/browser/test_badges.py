"""Badges: typed by a scanner that is a keyboard, or seen by the device's own camera."""

import json

from playwright.sync_api import expect

from tests.browser.chromium import Window
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import Windows, at_the_lesson
from tests.browser.register import RegisterCard

SEEN = "window.BarcodeDetector = class { async detect() { return window.codes ?? []; } };"
"""Chromium on Linux cannot read codes; what its camera would show is said by the test."""

NOT_SEEN = "delete window.BarcodeDetector;"


def test_a_badge_that_a_scanner_types_counts(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.fill("#badge", room.badge(9))
    lesson.page.keyboard.press("Enter")
    register.expect_said(9, "late")  # eight minutes after the lesson began
    expect(register.line(9)).to_contain_text("late, by badge")
    expect(lesson.page.locator("#badge")).to_be_focused()  # for the next one in the queue
    expect(lesson.page.locator("#badge")).to_have_value("")


def test_a_badge_of_elsewhere_is_refused_and_said(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.fill("#badge", "not-a-badge")
    lesson.page.keyboard.press("Enter")
    expect(register.card.get_by_role("alert")).to_contain_text("This badge is not valid here.")
    register.expect_there(0)
    assert set(room.said().values()) == {"not_recorded"}


def test_what_is_being_typed_stays_when_the_list_is_drawn_anew(
    room: Classroom, lesson: Window
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.locator("#badge").press_sequentially("half-a-ba")
    room.school.consent(1)
    room.propose(1)
    expect(register.line(1)).to_contain_text("proposed by the camera")
    expect(lesson.page.locator("#badge")).to_be_focused()
    lesson.page.keyboard.type("dge")
    expect(lesson.page.locator("#badge")).to_have_value("half-a-badge")


def test_without_a_reader_of_codes_the_camera_is_not_offered(
    room: Classroom, windows: Windows
) -> None:
    room.open()
    window = windows()
    window.page.add_init_script(NOT_SEEN)
    window.let_in(room.token())
    window.goto(PAGE)
    window.page.get_by_text("Badges", exact=True).click()
    expect(window.page.locator("#badge")).to_be_visible()
    expect(window.page.locator("[data-scanner]")).to_be_hidden()


def test_the_devices_camera_reads_one_badge_after_the_other(
    room: Classroom, windows: Windows
) -> None:
    room.open()
    window = windows()
    window.page.add_init_script(SEEN)
    window.let_in(room.token())
    window.goto(PAGE)
    register, page = RegisterCard(window.page), window.page
    page.get_by_text("Badges", exact=True).click()
    page.get_by_role("button", name="Scan with this device's camera").click()
    expect(page.locator("[data-scanner] video")).to_be_visible()
    for number in (11, 12):
        codes = [{"rawValue": room.badge(number)}]
        page.evaluate(f"window.codes = {json.dumps(codes)}")
        register.expect_said(number, "late")
    page.evaluate("window.codes = []")
    expect(page.locator("[data-scanner] video")).to_be_visible()  # it goes on, in the new list
    page.get_by_role("button", name="Scan with this device's camera").click()
    expect(page.locator("[data-scanner] video")).to_be_hidden()
    assert [room.said()[NAMES[number - 1]] for number in (11, 12)] == ["late", "late"]


def test_nothing_of_the_cameras_picture_leaves_the_page(room: Classroom, windows: Windows) -> None:
    room.open()
    window = at_the_lesson(windows, room)
    window.page.add_init_script(SEEN)
    window.page.reload()
    sent: list[int] = []
    window.page.on("request", lambda asked: sent.append(len(asked.post_data_buffer or b"")))
    window.page.get_by_text("Badges", exact=True).click()
    window.page.get_by_role("button", name="Scan with this device's camera").click()
    window.page.evaluate(f"window.codes = {json.dumps([{'rawValue': room.badge(3)}])}")
    RegisterCard(window.page).expect_said(3, "late")
    assert max(sent) < 1000  # a badge's text and the session's word
