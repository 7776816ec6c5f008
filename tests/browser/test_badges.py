"""Badges: typed by a scanner, or read by the device's own camera."""

import json

from playwright.sync_api import expect

from tests.browser.chromium import BrowserSession
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import OpenSession, open_lesson_page
from tests.browser.register import RegisterCard

FAKE_DETECTOR = "window.BarcodeDetector = class { async detect() { return window.codes ?? []; } };"
"""Chromium on Linux has no BarcodeDetector; tests set the codes that it detects."""

NO_DETECTOR = "delete window.BarcodeDetector;"


def test_a_scanned_badge_is_recorded(classroom: Classroom, lesson: BrowserSession) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.fill("#badge", classroom.issue_badge(9))
    lesson.page.keyboard.press("Enter")
    register.expect_status(9, "late")  # eight minutes after the lesson began
    expect(register.entry(9)).to_contain_text("late, by badge")
    expect(lesson.page.locator("#badge")).to_be_focused()  # for the next badge
    expect(lesson.page.locator("#badge")).to_have_value("")


def test_an_unknown_badge_is_rejected_with_a_message(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.fill("#badge", "not-a-badge")
    lesson.page.keyboard.press("Enter")
    expect(register.card.get_by_role("alert")).to_contain_text("This badge is not valid here.")
    register.expect_present(0)
    assert set(classroom.statuses().values()) == {"not_recorded"}


def test_typed_text_survives_a_refresh_of_the_list(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    lesson.page.get_by_text("Badges", exact=True).click()
    lesson.page.locator("#badge").press_sequentially("half-a-ba")
    classroom.school.consent(1)
    classroom.propose(1)
    expect(register.entry(1)).to_contain_text("proposed by the camera")
    expect(lesson.page.locator("#badge")).to_be_focused()
    lesson.page.keyboard.type("dge")
    expect(lesson.page.locator("#badge")).to_have_value("half-a-badge")


def test_the_camera_is_not_offered_without_a_barcode_detector(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.open_register()
    session = open_session()
    session.page.add_init_script(NO_DETECTOR)
    session.sign_in_directly(classroom.token())
    session.goto(PAGE)
    session.page.get_by_text("Badges", exact=True).click()
    expect(session.page.locator("#badge")).to_be_visible()
    expect(session.page.locator("[data-scanner]")).to_be_hidden()


def test_the_devices_camera_reads_several_badges_in_a_row(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.open_register()
    session = open_session()
    session.page.add_init_script(FAKE_DETECTOR)
    session.sign_in_directly(classroom.token())
    session.goto(PAGE)
    register, page = RegisterCard(session.page), session.page
    page.get_by_text("Badges", exact=True).click()
    page.get_by_role("button", name="Scan with this device's camera").click()
    expect(page.locator("[data-scanner] video")).to_be_visible()
    for number in (11, 12):
        codes = [{"rawValue": classroom.issue_badge(number)}]
        page.evaluate(f"window.codes = {json.dumps(codes)}")
        register.expect_status(number, "late")
    page.evaluate("window.codes = []")
    expect(
        page.locator("[data-scanner] video")
    ).to_be_visible()  # scanning goes on in the refreshed list
    page.get_by_role("button", name="Scan with this device's camera").click()
    expect(page.locator("[data-scanner] video")).to_be_hidden()
    assert [classroom.statuses()[NAMES[number - 1]] for number in (11, 12)] == ["late", "late"]


def test_no_camera_image_leaves_the_page(classroom: Classroom, open_session: OpenSession) -> None:
    classroom.open_register()
    session = open_lesson_page(open_session, classroom)
    session.page.add_init_script(FAKE_DETECTOR)
    session.page.reload()
    sent: list[int] = []
    session.page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    session.page.get_by_text("Badges", exact=True).click()
    session.page.get_by_role("button", name="Scan with this device's camera").click()
    session.page.evaluate(f"window.codes = {json.dumps([{'rawValue': classroom.issue_badge(3)}])}")
    RegisterCard(session.page).expect_status(3, "late")
    assert max(sent) < 1000  # a badge's text and the CSRF token
