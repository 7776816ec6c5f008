"""Whose page it is: others are refused, and are told so on a page."""

import pytest
from playwright.sync_api import expect

from cluster.security.roles import Role
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import Windows

REFUSED = 403


@pytest.mark.parametrize("role", [Role.SCHOOL_LEADER, Role.ANALYST, Role.DATA_PROTECTION])
def test_a_lesson_is_not_for_other_roles(role: Role, room: Classroom, windows: Windows) -> None:
    window = windows()
    window.let_in(room.token(role))
    assert window.goto(PAGE) == REFUSED
    expect(window.page.get_by_role("alert")).to_contain_text("You are not allowed to see")
    assert not any(name in window.page.content() for name in NAMES)


def test_nor_for_a_teacher_of_another_class(room: Classroom, windows: Windows) -> None:
    room.open()
    window = windows()
    window.let_in(room.token(number=2))
    assert window.goto(PAGE) == REFUSED
    expect(window.page.get_by_role("alert")).to_contain_text("You are not allowed to see")
    for part in ("register", "chart", "events"):
        assert window.page.request.get(f"{room.url}{PAGE}/{part}").status == REFUSED


def test_a_stranger_signs_in_first_and_then_sees_what_was_asked_for(
    room: Classroom, windows: Windows
) -> None:
    window = windows()
    window.goto(PAGE)
    assert "/sign-in?next=" in window.page.url
    assert not any(name in window.page.content() for name in NAMES)
    window.page.fill("#token", room.token())
    window.page.click("main button")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("7B-SCI")
    assert window.page.url.endswith(PAGE)


def test_who_signs_out_is_out(room: Classroom, windows: Windows) -> None:
    window = windows()
    window.sign_in(room.token())
    window.page.get_by_role("button", name="Sign out").click()
    expect(window.page.locator("#token")).to_be_visible()
    window.goto(PAGE)
    expect(window.page.locator("#token")).to_be_visible()


def test_a_page_whose_sign_in_ends_leads_to_the_sign_in(room: Classroom, windows: Windows) -> None:
    token, window = room.token(), windows()
    window.let_in(token)
    window.goto(PAGE)
    room.api_client.revoke(token)
    window.page.get_by_role("button", name="Open the register").click()
    expect(window.page.locator("#token")).to_be_visible(timeout=30_000)
