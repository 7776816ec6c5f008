"""Taking the register: by taps, by the keyboard alone, and without any script."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from cluster.register.states import Status
from tests.browser.chromium import Window
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import Windows, at_the_lesson
from tests.browser.register import RegisterCard


def test_without_a_script_the_register_is_taken_whole(room: Classroom, windows: Windows) -> None:
    window = at_the_lesson(windows, room, java_script_enabled=False)
    register = RegisterCard(window.page)

    register.open()
    register.tap(3, "absent").click()
    register.tap(5, "late").click()
    register.button("All others are present").click()
    register.tap(4, "excused").click()
    register.button("Undo").click()
    register.tap(6, "excused").click()
    register.button("Close").click()

    expect(register.card).to_contain_text("closed to badges and faces")
    assert urlsplit(window.page.url).path == PAGE
    said = room.said()
    special = {NAMES[2]: "absent", NAMES[4]: "late", NAMES[5]: "excused"}
    assert said == {name: special.get(name, "present") for name in NAMES}


def press_until(page: Page, wanted: str, key: str = "Tab") -> None:
    """Press a key until an element of an id, or with a text, has the focus."""
    for _ in range(200):
        here = page.evaluate("[document.activeElement.id, document.activeElement.innerText]")
        if wanted in here:
            return
        page.keyboard.press(key)
    raise AssertionError(f"the keyboard never comes to {wanted!r}")


def test_the_keyboard_alone_takes_the_register(room: Classroom, lesson: Window) -> None:
    register, keys = RegisterCard(lesson.page), lesson.page.keyboard

    press_until(lesson.page, "Open the register")
    keys.press("Enter")
    expect(register.button("All others are present")).to_be_visible()
    press_until(lesson.page, register.tap_id(3, "absent"))
    keys.press("Space")
    register.expect_said(3, "absent")
    assert focused(lesson.page) == register.tap_id(3, "absent")
    keys.press("Tab")
    keys.press("Enter")
    register.expect_said(3, "excused")
    assert focused(lesson.page) == register.tap_id(3, "excused")
    press_until(lesson.page, register.tap_id(4, "late"))
    keys.press("Enter")
    register.expect_said(4, "late")
    press_until(lesson.page, "All others are present", "Shift+Tab")
    keys.press("Enter")
    register.expect_there(23)
    assert lesson.page.evaluate("document.activeElement.innerText") == "All others are present"

    said = room.said()
    special = {NAMES[2]: "excused", NAMES[3]: "late"}
    assert said == {name: special.get(name, "present") for name in NAMES}


def test_the_focus_is_never_lost_when_what_had_it_goes(room: Classroom, lesson: Window) -> None:
    assert room.url
    register = RegisterCard(lesson.page)
    for button, then in (
        ("Take it by hand", "closed to badges and faces"),
        ("Open for badges and faces", "open until"),
        ("All others are present", "24 of 24 present"),
        ("Undo", "0 of 24 present"),
        ("Close", "closed to badges and faces"),
    ):
        register.button(button).focus()
        lesson.page.keyboard.press("Enter")
        expect(register.card).to_contain_text(then)
        assert lesson.page.evaluate("document.activeElement.closest('#register') !== null"), button
    expect(register.button("Open for badges and faces")).to_have_count(0)  # it is opened once


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_a_tap_says_one_thing_and_another_corrects_it(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    register.tap(1, "absent").click()
    register.expect_said(1, "absent")
    register.tap(1, "present").click()
    register.expect_said(1, "present")
    register.expect_unsaid(1, "absent")
    register.button("Undo").click()
    register.expect_said(1, "absent")
    assert room.said()[NAMES[0]] == "absent"


def test_a_button_keeps_its_name_when_it_is_pressed(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    register.tap(1, "absent").click()
    register.expect_said(1, "absent")
    expect(register.tap(1, "absent")).to_have_accessible_name("absent")
    assert room.said()[NAMES[0]] == "absent"


def test_nobody_is_absent_before_a_teacher_says_so(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    register.button("Take it by hand").click()
    register.expect_there(0)
    assert lesson.page.locator(".status-button[aria-pressed='true']").count() == 0
    assert set(room.said().values()) == {"not_recorded"}


def test_a_proposal_is_marked_as_one_and_waits_for_the_teacher(
    room: Classroom, lesson: Window
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    room.school.consent(1, 2, 3)
    room.propose(1, 2, unsure=[3])

    expect(register.line(1)).to_contain_text("proposed by the camera: present")
    expect(register.line(3)).to_contain_text("the camera is unsure")
    register.expect_unsaid(1, "present")
    expect(register.card).to_contain_text("2 proposals to confirm.")
    register.expect_there(0)
    register.button("Confirm all").click()
    register.expect_said(1, "present")
    register.expect_said(2, "present")
    expect(register.card).not_to_contain_text("to confirm")
    expect(register.line(3)).to_contain_text("the camera is unsure")


def test_who_confirms_too_late_is_told_and_sees_the_list_as_it_is(
    room: Classroom, windows: Windows
) -> None:
    room.open()
    room.school.consent(1, 2)
    room.propose(1, 2)
    window = at_the_lesson(windows, room)
    window.page.route("**/lessons/*/events", lambda route: route.abort())  # it hears of no change
    window.page.reload()
    register = RegisterCard(window.page)
    expect(register.button("Confirm all")).to_be_visible()

    room.mark(Status.ABSENT, 1)
    with window.page.expect_response(lambda answer: answer.url.endswith("/confirm")) as answered:
        register.button("Confirm all").click()

    assert answered.value.status == 409
    expect(register.card.get_by_role("alert")).to_contain_text(
        "Somebody else has changed the register"
    )
    register.expect_said(1, "absent")
    expect(register.line(2)).to_contain_text("proposed by the camera")
    register.button("Confirm all").click()
    register.expect_said(2, "present")
    register.expect_said(1, "absent")
    window.problems.clear()  # the stream that the test cut


def test_what_was_said_elsewhere_appears_by_itself(room: Classroom, lesson: Window) -> None:
    register = RegisterCard(lesson.page)
    room.open()
    expect(register.button("All others are present")).to_be_visible()
    room.mark(Status.LATE, 7)
    register.expect_said(7, "late")
