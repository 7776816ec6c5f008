"""Access to pages: other roles are denied, with a page that says so."""

import pytest
from playwright.sync_api import expect

from cluster.security.roles import Role
from tests.browser.classroom import NAMES, PAGE, Classroom
from tests.browser.conftest import OpenSession

DENIED = 403


@pytest.mark.parametrize("role", [Role.SCHOOL_LEADER, Role.ANALYST, Role.DATA_PROTECTION])
def test_other_roles_are_denied_a_lesson(
    role: Role, classroom: Classroom, open_session: OpenSession
) -> None:
    session = open_session()
    session.sign_in_directly(classroom.token(role))
    assert session.goto(PAGE) == DENIED
    expect(session.page.get_by_role("alert")).to_contain_text("You are not allowed to see")
    assert not any(name in session.page.content() for name in NAMES)


def test_a_teacher_of_another_class_is_denied_a_lesson(
    classroom: Classroom, open_session: OpenSession
) -> None:
    classroom.open_register()
    session = open_session()
    session.sign_in_directly(classroom.token(number=2))
    assert session.goto(PAGE) == DENIED
    expect(session.page.get_by_role("alert")).to_contain_text("You are not allowed to see")
    for part in ("register", "chart", "events"):
        assert session.page.request.get(f"{classroom.url}{PAGE}/{part}").status == DENIED


def test_an_anonymous_visitor_signs_in_and_gets_the_requested_page(
    classroom: Classroom, open_session: OpenSession
) -> None:
    session = open_session()
    session.goto(PAGE)
    assert "/sign-in?next=" in session.page.url
    assert not any(name in session.page.content() for name in NAMES)
    session.page.fill("#token", classroom.token())
    session.page.click("main button")
    expect(session.page.get_by_role("heading", level=1)).to_have_text("7B-SCI")
    assert session.page.url.endswith(PAGE)


def test_pages_require_a_sign_in_after_signing_out(
    classroom: Classroom, open_session: OpenSession
) -> None:
    session = open_session()
    session.sign_in(classroom.token())
    session.page.get_by_role("button", name="Sign out").click()
    expect(session.page.locator("#token")).to_be_visible()
    session.goto(PAGE)
    expect(session.page.locator("#token")).to_be_visible()


def test_a_page_whose_sign_in_was_revoked_redirects_to_the_sign_in(
    classroom: Classroom, open_session: OpenSession
) -> None:
    token, session = classroom.token(), open_session()
    session.sign_in_directly(token)
    session.goto(PAGE)
    classroom.api_client.revoke(token)
    session.page.get_by_role("button", name="Open the register").click()
    expect(session.page.locator("#token")).to_be_visible(timeout=30_000)
