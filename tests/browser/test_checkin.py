"""A check-in in real browsers: the board, the phones and the teacher's page."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chromium import PHONE, BrowserSession
from tests.browser.classroom import NAMES, Classroom
from tests.browser.conftest import OpenSession, open_lesson_page

FEELINGS = ("happy", "happy", "happy", "sad", "sad", "neutral", "neutral", "neutral", "afraid")


def answer(session: BrowserSession, code: str, feeling: str, *, not_well: bool = False) -> None:
    """Open the board's address, type the code in lower case, choose a feeling, and send."""
    session.goto("/c")
    session.page.fill("#code", f"{code[:3].lower()} {code[3:]}")
    session.page.get_by_role("button", name="Continue").click()
    session.page.get_by_text(feeling, exact=True).click()
    if not_well:
        session.page.get_by_role("switch").check()
    session.page.get_by_role("button", name="Send").click()


def expect_thanks(page: Page) -> None:
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def test_counts_appear_at_the_tenth_answer_of_a_check_in(
    classroom: Classroom, open_session: OpenSession
) -> None:
    teacher = open_lesson_page(open_session, classroom).page
    block = teacher.locator("#checkin")
    teacher.get_by_role("button", name="Start a check-in").click()
    code = re.sub(r"\s", "", block.locator(".code").inner_text())
    with teacher.context.expect_page() as opened:
        teacher.get_by_role("link", name="Show on the board").click()
    board = opened.value
    expect(board.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    for number, feeling in enumerate(FEELINGS, 1):
        # Every third phone runs no JavaScript.
        phone = open_session(size=PHONE, java_script_enabled=number % 3 != 0)
        answer(phone, code, feeling)
        expect_thanks(phone.page)
    teacher.bring_to_front()
    expect(block.get_by_role("status")).to_have_text(re.compile("9 of 24 have answered"))
    expect(block.get_by_text("Counts appear at 10 answers.")).to_be_visible()
    expect(block.locator(".feelings")).to_have_count(0)
    tenth = open_session(size=PHONE)
    answer(tenth, code, "angry")
    expect_thanks(tenth.page)
    expect(block.locator(".feelings")).to_be_visible()  # without a reload
    expect(block.get_by_role("row", name=re.compile("happy"))).to_contain_text("3 (30%)")
    expect(block.get_by_role("row", name=re.compile("surprised"))).to_contain_text("≤5%")
    board.bring_to_front()
    expect(board.get_by_role("status")).to_have_text(re.compile("10 have answered"))
    assert "30%" not in board.content()


def test_a_phone_set_to_chinese_gets_the_question_in_chinese(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.start_checkin()
    phone = open_session(size=PHONE, locale="zh-CN")
    phone.goto(f"/c/{classroom.code}")
    expect(phone.page.get_by_text("难过", exact=True)).to_be_visible()
    expect(phone.page.locator("html")).to_have_attribute("lang", "zh")


def test_only_the_teacher_sees_a_help_request_and_its_name(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.start_checkin()
    teacher = open_lesson_page(open_session, classroom).page
    phone = open_session(size=PHONE)
    answer(phone, classroom.code, "sad", not_well=True)
    phone.page.get_by_label("My name (optional)").select_option(label=f"{NAMES[4]}")
    phone.page.get_by_role("button", name="Tell my teacher").click()
    expect_thanks(phone.page)
    notice = teacher.locator("#checkin").get_by_text("1 student has asked for help.")
    expect(notice).to_be_visible()
    expect(teacher.locator("#checkin")).not_to_contain_text(NAMES[4])
    teacher.get_by_role("link", name=re.compile("See who")).click()
    expect(teacher.get_by_role("listitem").filter(has_text=NAMES[4])).to_be_visible()
    teacher.get_by_role("button", name="Mark as seen").click()
    expect(teacher.get_by_text("seen", exact=True)).to_be_visible()


def test_a_feeling_is_chosen_with_the_keyboard_alone(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.start_checkin()
    phone = open_session()
    phone.goto(f"/c/{classroom.code}")
    page = phone.page
    page.get_by_role("radio", name="surprised").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="happy")).to_be_checked()
    page.keyboard.press("Enter")
    expect_thanks(page)
    assert classroom.count_answers() == 1
