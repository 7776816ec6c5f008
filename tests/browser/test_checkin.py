"""A check-in in real browsers: a board on the wall, phones in hands, a teacher who watches."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chromium import PHONE, Window
from tests.browser.classroom import NAMES, Classroom
from tests.browser.conftest import Windows, at_the_lesson

FEELINGS = ("happy", "happy", "happy", "sad", "sad", "neutral", "neutral", "neutral", "afraid")


def answer(window: Window, code: str, feeling: str, *, not_well: bool = False) -> None:
    """Come by the board's address, type the code as people do, tap, send."""
    window.goto("/c")
    window.page.fill("#code", f"{code[:3].lower()} {code[3:]}")
    window.page.get_by_role("button", name="Continue").click()
    window.page.get_by_text(feeling, exact=True).click()
    if not_well:
        window.page.get_by_role("switch").check()
    window.page.get_by_role("button", name="Send").click()


def thanked(page: Page) -> None:
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def test_ten_students_check_in_and_counts_appear_at_the_tenth_and_not_before(
    room: Classroom, windows: Windows
) -> None:
    teacher = at_the_lesson(windows, room).page
    block = teacher.locator("#checkin")
    teacher.get_by_role("button", name="Start a check-in").click()
    code = re.sub(r"\s", "", block.locator(".code").inner_text())
    with teacher.context.expect_page() as opened:
        teacher.get_by_role("link", name="Show on the board").click()
    board = opened.value
    expect(board.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    for number, feeling in enumerate(FEELINGS, 1):
        # Some have no script, one has a phone that speaks Chinese, and it is all the same.
        phone = windows(size=PHONE, java_script_enabled=number % 3 != 0)
        answer(phone, code, feeling)
        thanked(phone.page)
    teacher.bring_to_front()
    expect(block.get_by_role("status")).to_have_text(re.compile("9 of 24 have answered"))
    expect(block.get_by_text("Counts appear at 10 answers.")).to_be_visible()
    expect(block.locator(".feelings")).to_have_count(0)
    tenth = windows(size=PHONE)
    answer(tenth, code, "angry")
    thanked(tenth.page)
    expect(block.locator(".feelings")).to_be_visible()  # by itself, without a reload
    expect(block.get_by_role("row", name=re.compile("happy"))).to_contain_text("3 (30%)")
    expect(block.get_by_role("row", name=re.compile("surprised"))).to_contain_text("≤5%")
    board.bring_to_front()
    expect(board.get_by_role("status")).to_have_text(re.compile("10 have answered"))
    assert "30%" not in board.content()


def test_a_phone_in_chinese_is_asked_in_chinese(room: Classroom, windows: Windows) -> None:
    room.start_checkin()
    phone = windows(size=PHONE, locale="zh-CN")
    phone.goto(f"/c/{room.code}")
    expect(phone.page.get_by_text("难过", exact=True)).to_be_visible()
    expect(phone.page.locator("html")).to_have_attribute("lang", "zh")


def test_who_does_not_feel_well_chooses_a_name_or_none_and_the_teacher_alone_sees_it(
    room: Classroom, windows: Windows
) -> None:
    room.start_checkin()
    teacher = at_the_lesson(windows, room).page
    phone = windows(size=PHONE)
    answer(phone, room.code, "sad", not_well=True)
    phone.page.get_by_label("My name (optional)").select_option(label=f"{NAMES[4]}")
    phone.page.get_by_role("button", name="Tell my teacher").click()
    thanked(phone.page)
    notice = teacher.locator("#checkin").get_by_text("1 student has asked for help.")
    expect(notice).to_be_visible()
    expect(teacher.locator("#checkin")).not_to_contain_text(NAMES[4])
    teacher.get_by_role("link", name=re.compile("See who")).click()
    expect(teacher.get_by_role("listitem").filter(has_text=NAMES[4])).to_be_visible()
    teacher.get_by_role("button", name="Mark as seen").click()
    expect(teacher.get_by_text("seen", exact=True)).to_be_visible()


def test_a_feeling_is_chosen_with_the_keyboard_alone(room: Classroom, windows: Windows) -> None:
    room.start_checkin()
    phone = windows()
    phone.goto(f"/c/{room.code}")
    page = phone.page
    page.get_by_role("radio", name="surprised").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="happy")).to_be_checked()
    page.keyboard.press("Enter")
    thanked(page)
    assert room.answers() == 1
