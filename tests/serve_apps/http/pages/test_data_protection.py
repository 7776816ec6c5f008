"""The data-protection page: the policy, consents, objections and erasures, by ids alone."""

import re

import pytest

from cluster.register.erasure import erase
from cluster.register.faces.consent_ledger import record_objection, record_withdrawal
from cluster.security.roles import Role
from tests.register.school import student
from tests.serve_apps.http.api_client import ApiClient, UserClient
from tests.serve_apps.http.pages.html import are_in_order, get_html, headings, rows, text_of

PAGE = "/data-protection"


def officer(api_client: ApiClient) -> UserClient:
    return api_client.as_role(Role.DATA_PROTECTION)


def section(html: str, name: str) -> str:
    """Return the HTML of a section of the page."""
    (found,) = re.findall(rf'(<h2 id="{name}".*?)</section>', html, re.DOTALL)
    return str(found)


def section_text(api_client: ApiClient, name: str, path: str = PAGE) -> str:
    return text_of(section(get_html(officer(api_client), path), name))


def add_objections(api_client: ApiClient, *numbers: int) -> None:
    with api_client.school.audited.work("operator:test") as work:
        for number in numbers:
            record_objection(work, f"student-{number}", f"guardian-{number}")


def erase_students(api_client: ApiClient, *numbers: int) -> None:
    with api_client.school.audited.work("operator:anna") as work:
        for number in numbers:
            erase(work, f"student-{number}", keep_entries=False)


def test_the_policy_in_force_is_shown_with_its_facts(api_client: ApiClient) -> None:
    found = section_text(api_client, "policy")
    assert "Face roll call is on" in found
    for fact in ("class-1", "explicit consent", "DPIA-2026-04", "the officer", "31 Jul 2027"):
        assert fact in found


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("switched_on = true", "switched_on = false", "Face roll call is off"),
        ("2026-01-01", "2026-03-03", "the policy is not in force yet"),
        ("2027-07-31", "2026-03-01", "the policy has expired"),
        ("legal_basis", "some_basis", "the policy's file cannot be read"),
    ],
)
def test_a_policy_that_is_not_in_force_is_shown_with_the_reason(
    api_client: ApiClient, old: str, new: str, text: str
) -> None:
    path = api_client.school.policy
    path.write_text(path.read_text().replace(old, new))
    found = section_text(api_client, "policy")
    assert text in found
    assert "is on" not in found


def test_empty_lists_say_so(api_client: ApiClient) -> None:
    html = get_html(officer(api_client), PAGE)
    assert text_of(section(html, "consents")).endswith("None.")
    assert text_of(section(html, "objections")).endswith("None.")
    assert text_of(section(html, "erasures")).endswith("Nobody has been erased.")


def test_consents_that_expire_within_thirty_days_are_listed(api_client: ApiClient) -> None:
    api_client.school.consent(1, days=20)
    api_client.school.consent(2, days=40)
    html = section(get_html(officer(api_client), PAGE), "consents")
    assert rows(html) == [f"{student(1)} 22/03/2026, 09:00 20"]
    assert "in force: 2" in text_of(html)


def test_objections_are_listed_until_they_are_withdrawn(
    api_client: ApiClient,
) -> None:
    api_client.school.consent(1, 2)
    add_objections(api_client, 1, 3)
    api_client.school.clock.advance(days=1)
    add_objections(api_client, 1, 2)
    with api_client.school.audited.work("operator:test") as work:
        record_withdrawal(work, "student-2", "guardian-2")
    html = section(get_html(officer(api_client), PAGE), "objections")
    assert rows(html) == [
        f"{student(1)} 02/03/2026, 09:00 1",
        f"{student(3)} 02/03/2026, 09:00 1",
    ]


def test_erasures_are_listed_with_their_receipts(api_client: ApiClient) -> None:
    api_client.school.consent(1)
    api_client.school.store(1)
    api_client.school.open()
    erase_students(api_client, 1, 2)
    html = section(get_html(officer(api_client), PAGE), "erasures")
    second, first = rows(html)
    number, _, rest = first.partition(" ")
    assert api_client.audited()[int(number) - 1] == "erase"
    assert rest == f"02/03/2026, 09:00 operator:anna {student(1)} yes 1 0"
    assert f"{student(2)} there was none 1 0" in second


def test_each_list_is_paged_by_links_to_its_end(api_client: ApiClient) -> None:
    api_client.school.consent(1, 2, 3, days=20)
    add_objections(api_client, 4, 5, 6)
    erase_students(api_client, 7, 8)
    wanted = {"consents": [1, 2, 3], "objections": [4, 5, 6], "erasures": [8, 7]}
    for name, numbers in wanted.items():
        seen: list[str] = []
        path: str | None = f"{PAGE}?limit=1"
        for _ in range(6):
            html = section(get_html(officer(api_client), str(path)), name)
            seen += re.findall(r"subject=([0-9a-f]{32})", html)
            links = re.findall(r'rel="next" href="([^"#]+)', html)
            if not links:
                break
            path = links[0].replace("&amp;", "&") + "&limit=1"
        assert seen == [student(number) for number in numbers], name


def test_a_cursor_of_another_list_is_ignored_or_rejected(api_client: ApiClient) -> None:
    add_objections(api_client, 1)
    assert student(1) in get_html(officer(api_client), f"{PAGE}?list=objections&cursor=AAAA")
    get_html(officer(api_client), f"{PAGE}?list=erasures&cursor=cm9vbQ", 422)
    get_html(officer(api_client), f"{PAGE}?list=names", 422)


def test_every_access_is_recorded(api_client: ApiClient) -> None:
    caller = officer(api_client)
    before = len(api_client.audited())
    get_html(caller, PAGE)
    assert api_client.audited()[before:] == [
        "policy.show",
        "consent.list",
        "consent.list",
        "audit.show",
    ]


def test_no_name_is_on_the_page(api_client: ApiClient) -> None:
    api_client.school.consent(1, days=20)
    add_objections(api_client, 2)
    erase_students(api_client, 3)
    html = get_html(officer(api_client), PAGE)
    for name in ("Given", "Family", "student-1", "guardian-2"):
        assert name not in html


def test_the_facts_of_the_policy_are_escaped(api_client: ApiClient) -> None:
    path = api_client.school.policy
    path.write_text(path.read_text().replace("the officer", "<b>x"))
    html = get_html(officer(api_client), PAGE)
    assert "&lt;b&gt;x" in html
    assert "<b>x" not in html


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.DATA_PROTECTION])
def test_other_roles_are_denied(api_client: ApiClient, role: Role) -> None:
    get_html(api_client.as_role(role, schools=["hill"]), PAGE, 403)


def test_headings_are_in_order_and_tables_can_be_scrolled_with_the_keyboard(
    api_client: ApiClient,
) -> None:
    api_client.school.consent(1, days=20)
    html = get_html(officer(api_client), PAGE)
    assert are_in_order(headings(html))
    (region,) = re.findall(r'<div class="scroll[^>]*>', html)
    assert 'role="region" aria-labelledby="consents" tabindex="0"' in region
    assert "<script" not in html
    assert "style=" not in html
