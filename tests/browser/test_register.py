"""Taking the register: by taps, with the keyboard alone, and without JavaScript."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from cluster.register.states import Status
from tests.browser.chromium import BrowserSession
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import OpenSession, open_lesson_page
from tests.browser.register import RegisterCard


def test_the_register_is_taken_without_javascript(
    classroom: Classroom, open_session: OpenSession
) -> None:
    session = open_lesson_page(open_session, classroom, java_script_enabled=False)
    register = RegisterCard(session.page)

    register.open()
    register.status_button(3, "absent").click()
    register.status_button(5, "late").click()
    register.button("All others are present").click()
    register.status_button(4, "excused").click()
    register.button("Undo").click()
    register.status_button(6, "excused").click()
    register.button("Close").click()

    expect(register.card).to_contain_text("closed to badges and faces")
    assert urlsplit(session.page.url).path == PAGE
    statuses = classroom.statuses()
    special = {NAMES[2]: "absent", NAMES[4]: "late", NAMES[5]: "excused"}
    assert statuses == {name: special.get(name, "present") for name in NAMES}


def press_until(page: Page, wanted: str, key: str = "Tab") -> None:
    """Press a key until the element with an id or a text has the focus."""
    for _ in range(200):
        focused_now = page.evaluate("[document.activeElement.id, document.activeElement.innerText]")
        if wanted in focused_now:
            return
        page.keyboard.press(key)
    raise AssertionError(f"the keyboard does not reach {wanted!r}")


def test_the_register_is_taken_with_the_keyboard_alone(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register, keys = RegisterCard(lesson.page), lesson.page.keyboard

    press_until(lesson.page, "Open the register")
    keys.press("Enter")
    expect(register.button("All others are present")).to_be_visible()
    press_until(lesson.page, register.status_button_id(3, "absent"))
    keys.press("Space")
    register.expect_status(3, "absent")
    assert focused_id(lesson.page) == register.status_button_id(3, "absent")
    keys.press("Tab")
    keys.press("Enter")
    register.expect_status(3, "excused")
    assert focused_id(lesson.page) == register.status_button_id(3, "excused")
    press_until(lesson.page, register.status_button_id(4, "late"))
    keys.press("Enter")
    register.expect_status(4, "late")
    press_until(lesson.page, "All others are present", "Shift+Tab")
    keys.press("Enter")
    register.expect_present(23)
    assert lesson.page.evaluate("document.activeElement.innerText") == "All others are present"

    statuses = classroom.statuses()
    special = {NAMES[2]: "excused", NAMES[3]: "late"}
    assert statuses == {name: special.get(name, "present") for name in NAMES}


def test_focus_stays_in_the_register_when_the_focused_button_disappears(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    assert classroom.url
    register = RegisterCard(lesson.page)
    for button, expected in (
        ("Take it by hand", "closed to badges and faces"),
        ("Open for badges and faces", "open until"),
        ("All others are present", "24 of 24 present"),
        ("Undo", "0 of 24 present"),
        ("Close", "closed to badges and faces"),
    ):
        register.button(button).focus()
        lesson.page.keyboard.press("Enter")
        expect(register.card).to_contain_text(expected)
        assert lesson.page.evaluate("document.activeElement.closest('#register') !== null"), button
    expect(register.button("Open for badges and faces")).to_have_count(
        0
    )  # a register is opened once


def focused_id(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_a_second_tap_corrects_the_first(classroom: Classroom, lesson: BrowserSession) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    register.status_button(1, "absent").click()
    register.expect_status(1, "absent")
    register.status_button(1, "present").click()
    register.expect_status(1, "present")
    register.expect_not_status(1, "absent")
    register.button("Undo").click()
    register.expect_status(1, "absent")
    assert classroom.statuses()[NAMES[0]] == "absent"


def test_a_pressed_button_keeps_its_accessible_name(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    register.status_button(1, "absent").click()
    register.expect_status(1, "absent")
    expect(register.status_button(1, "absent")).to_have_accessible_name("absent")
    assert classroom.statuses()[NAMES[0]] == "absent"


def test_nobody_is_absent_before_a_teacher_marks_them(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    register.button("Take it by hand").click()
    register.expect_present(0)
    assert lesson.page.locator(".status-button[aria-pressed='true']").count() == 0
    assert set(classroom.statuses().values()) == {"not_recorded"}


def test_a_proposal_counts_only_after_confirmation(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    register.open()
    classroom.school.consent(1, 2, 3)
    classroom.propose(1, 2, unsure=[3])

    expect(register.entry(1)).to_contain_text("proposed by the camera: present")
    expect(register.entry(3)).to_contain_text("the camera is unsure")
    register.expect_not_status(1, "present")
    expect(register.card).to_contain_text("2 proposals to confirm.")
    register.expect_present(0)
    register.button("Confirm all").click()
    register.expect_status(1, "present")
    register.expect_status(2, "present")
    expect(register.card).not_to_contain_text("to confirm")
    expect(register.entry(3)).to_contain_text("the camera is unsure")


def test_confirming_an_outdated_version_shows_the_conflict_and_the_current_list(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.open_register()
    classroom.school.consent(1, 2)
    classroom.propose(1, 2)
    session = open_lesson_page(open_session, classroom)
    session.page.route(
        "**/lessons/*/events", lambda route: route.abort()
    )  # no event reaches the page
    session.page.reload()
    register = RegisterCard(session.page)
    expect(register.button("Confirm all")).to_be_visible()

    classroom.mark(Status.ABSENT, 1)
    with session.page.expect_response(
        lambda response: response.url.endswith("/confirm")
    ) as confirmation:
        register.button("Confirm all").click()

    assert confirmation.value.status == 409
    expect(register.card.get_by_role("alert")).to_contain_text(
        "Somebody else has changed the register"
    )
    register.expect_status(1, "absent")
    expect(register.entry(2)).to_contain_text("proposed by the camera")
    register.button("Confirm all").click()
    register.expect_status(2, "present")
    register.expect_status(1, "absent")
    session.problems.clear()  # of the stream that the test aborted


def test_changes_made_elsewhere_appear_without_a_reload(
    classroom: Classroom, lesson: BrowserSession
) -> None:
    register = RegisterCard(lesson.page)
    classroom.open_register()
    expect(register.button("All others are present")).to_be_visible()
    classroom.mark(Status.LATE, 7)
    register.expect_status(7, "late")
