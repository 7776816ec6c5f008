"""The audit log on a page: filtered by a form, paged by links, checked by a button."""

import re
from html import unescape
from pathlib import Path

import pytest

from cluster.security.audit import HEAD_FILE
from cluster.security.audit_actions import AuditAction
from cluster.security.roles import Role
from serve_apps.http.pages.audit_texts import ACTION_TEXTS
from serve_apps.http.pages.i18n import LANGUAGES, SOURCE, translations_of
from serve_apps.http.routes import audit as api
from tests.register.school import LESSON, teacher
from tests.serve_apps.http.api_client import BASE, ApiClient, UserClient
from tests.serve_apps.http.pages.html import (
    are_in_order,
    get_html,
    headings,
    rows,
    send,
    text_of,
)

LOG = "/data-protection/audit"
VERIFY = f"{LOG}/verify"


def officer(api_client: ApiClient) -> UserClient:
    return api_client.as_role(Role.DATA_PROTECTION)


def older_link(html: str) -> str | None:
    links = re.findall(r'href="([^"]+)" rel="next"', html)
    return unescape(links[0]) if links else None


def write_entries(
    api_client: ApiClient, count: int, action: AuditAction = AuditAction.ROSTER_LIST
) -> None:
    with api_client.school.audited.work("operator:test") as work:
        for number in range(count):
            work.audit(action, f"subject-{number}", number=number)


def test_entries_are_listed_newest_first_with_actor_action_and_subject(
    api_client: ApiClient,
) -> None:
    api_client.school.open()
    caller = officer(api_client)
    newest, opening = rows(get_html(caller, LOG))[:2]
    assert "sign_in.issue" in newest
    assert "02/03/2026, 09:00" in opening
    assert f"{teacher(1)} opened a register register.open {LESSON}" in opening


@pytest.mark.parametrize(
    "filters", [{"action": "register.open"}, {"actor": teacher(1)}, {"subject": f" {LESSON} "}]
)
def test_entries_are_filtered_by_actor_action_and_subject(
    api_client: ApiClient, filters: dict[str, str]
) -> None:
    api_client.school.open()
    fields = {"actor": "", "action": "", "subject": "", **filters}  # as a browser sends the form
    html = get_html(officer(api_client), LOG, params=fields)
    (found,) = rows(html)
    assert "register.open" in found
    for value in filters.values():
        assert f'value="{value.strip()}"' in html


def test_an_action_that_ends_in_a_dot_matches_its_whole_area(api_client: ApiClient) -> None:
    api_client.school.open()
    api_client.school.show()
    found = rows(get_html(officer(api_client), LOG, params={"action": "register."}))
    assert [re.findall(r"register\.\w+", row)[0] for row in found] == [
        "register.show",
        "register.open",
    ]


def test_a_filter_without_matches_says_so(api_client: ApiClient) -> None:
    html = get_html(officer(api_client), LOG, params={"subject": "nobody"})
    assert "No entry matches." in text_of(html)
    assert older_link(html) is None


def test_an_invalid_filter_is_reported_and_keeps_what_was_typed(api_client: ApiClient) -> None:
    html = get_html(officer(api_client), LOG, 422, params={"actor": "<b>x"})
    assert "No entry can match" in text_of(html)
    assert 'value="&lt;b&gt;x"' in html
    assert 'aria-invalid="true"' in html
    get_html(officer(api_client), LOG, 422, params={"actor": "a" * 300})


def test_links_to_older_entries_keep_the_filter(api_client: ApiClient) -> None:
    write_entries(api_client, 7)
    caller, seen = officer(api_client), []
    path: str | None = f"{LOG}?action=roster.list&limit=3"
    while path:
        html = get_html(caller, path)
        seen += re.findall(r"subject=(subject-\d)", html)
        path = older_link(html)
        assert path is None or "action=roster.list" in path
        path = path and f"{path}&limit=3"
    assert seen == [f"subject-{number}" for number in reversed(range(7))]
    assert ">Newest</a>" in html


def test_a_page_without_a_match_links_to_older_entries(
    api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_SCANNED_ENTRIES", 3)
    write_entries(api_client, 1, AuditAction.ROSTER_TIMETABLE)
    write_entries(api_client, 9)
    caller, pages = officer(api_client), 1
    html = get_html(caller, LOG, params={"action": "roster.timetable"})
    assert "There are older ones." in text_of(html)
    while not rows(html):
        pages += 1
        html = get_html(caller, str(older_link(html)))
    assert "roster.timetable" in rows(html)[0]
    assert pages > 2


def test_ids_and_actions_link_to_a_filter_by_them(api_client: ApiClient) -> None:
    api_client.school.open()
    html = get_html(officer(api_client), LOG, params={"action": "register.open"})
    for name, value in (
        ("actor", teacher(1)),
        ("action", "register.open"),
        ("subject", LESSON),
    ):
        (row,) = rows(get_html(officer(api_client), f"{LOG}?{name}={value}"))
        assert f'href="{LOG}?{name}={value}"' in html
        assert "register.open" in row


def test_long_lists_of_ids_are_collapsed_and_details_are_escaped(api_client: ApiClient) -> None:
    with api_client.school.audited.work("operator:test") as work:
        work.audit(AuditAction.ROSTER_LIST, None, students=["a", "b", "c", "d"], note="<b>x")
    html = get_html(officer(api_client), LOG, params={"action": "roster.list"})
    assert "<summary>students: 4</summary>" in html
    assert "note: &lt;b&gt;x" in html
    assert "<b>x" not in html


def test_each_access_and_each_check_is_recorded(api_client: ApiClient) -> None:
    caller = officer(api_client)
    get_html(caller, LOG)
    send(caller, "POST", VERIFY, 200)
    assert api_client.audited()[-2:] == ["audit.show", "audit.verify"]


def test_an_intact_log_is_reported_with_its_number_of_entries(api_client: ApiClient) -> None:
    write_entries(api_client, 3)
    text = text_of(send(officer(api_client), "POST", VERIFY, 200).text)
    assert "The log is intact." in text
    assert f"{len(api_client.audited()) - 1} entries" in text
    assert "compared with 1 signed head." in text


def test_a_broken_log_is_reported_with_the_entry_and_without_a_path(
    api_client: ApiClient, tmp_path: Path
) -> None:
    caller = officer(api_client)
    head = tmp_path / "keys" / HEAD_FILE
    head.write_text(head.read_text().replace('"seq": 1', '"seq": 900'))
    html = send(caller, "POST", VERIFY, 200).text
    text = text_of(html)
    assert "The log is not intact." in text
    assert "The log is intact." not in text
    assert "audit entry 900" in text
    assert 'role="alert"' in html
    assert str(tmp_path) not in html


def test_a_check_requested_by_another_site_is_denied(api_client: ApiClient) -> None:
    token = api_client.token(Role.DATA_PROTECTION)
    signed_in = api_client.client.request(
        "POST", "/sign-in/token", data={"token": token}, headers={"Origin": BASE}
    )
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    headers = {"Cookie": cookie, "Accept": "text/html"}
    assert api_client.client.request("POST", VERIFY, headers=headers).status_code == 403
    page = api_client.client.request("GET", LOG, headers=headers).text
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', page))
    answer = api_client.client.request(
        "POST", VERIFY, headers={**headers, "Origin": BASE}, data={"csrf": csrf}
    )
    assert "The log is intact." in answer.text


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.DATA_PROTECTION])
def test_other_roles_are_denied(api_client: ApiClient, role: Role) -> None:
    caller = api_client.as_role(role, schools=["hill"])
    get_html(caller, LOG, 403)
    send(caller, "POST", VERIFY, 403)


def test_every_action_has_a_text_in_each_language_and_is_used_somewhere() -> None:
    root = Path(api.__file__).parents[3]
    source = "".join(
        file.read_text()
        for part in ("cluster", "serve_apps")
        for file in (root / part).rglob("*.py")
        if file.name not in ("audit_actions.py", "audit_texts.py")
    )
    assert list(ACTION_TEXTS) == list(AuditAction)
    for action, text in ACTION_TEXTS.items():
        assert re.search(rf"\bAuditAction\.{action.name}\b", source), action
        for language in LANGUAGES:
            translated = translations_of(language).gettext(text)
            assert translated, (action, language)
            assert (translated == text) is (language == SOURCE), (action, language)


def test_an_action_of_another_version_is_listed_by_its_stored_name(
    api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_client.school.open()
    monkeypatch.delitem(
        ACTION_TEXTS, AuditAction.REGISTER_OPEN
    )  # as if this version did not know it
    (found,) = rows(get_html(officer(api_client), LOG, params={"action": "register."}))
    assert f"{teacher(1)} register.open {LESSON}" in found


def test_pages_are_in_the_browsers_language_with_headings_in_order(
    api_client: ApiClient,
) -> None:
    caller = officer(api_client)
    chinese = send(caller, "GET", LOG, 200, headers={"Accept-Language": "zh"})
    assert chinese.headers["Content-Language"] == "zh"
    for html in (get_html(caller, LOG), send(caller, "POST", VERIFY, 200).text):
        assert are_in_order(headings(html))
        assert "<script" not in html
        assert 'lang="en"' in html
