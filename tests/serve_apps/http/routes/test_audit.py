"""The audit log over HTTP: paged, filtered, verified; and each access to it is recorded (R9)."""

from pathlib import Path

import pytest

from cluster.security.audit import HEAD_FILE
from cluster.security.audit_actions import AuditAction
from cluster.security.roles import Role
from serve_apps.http.routes import audit
from tests.register.school import LESSON, teacher
from tests.serve_apps.http.api_client import ApiClient, UserClient


def officer(api_client: ApiClient) -> UserClient:
    return api_client.as_role(Role.DATA_PROTECTION)


def test_the_newest_entries_come_first_in_consistent_pages(api_client: ApiClient) -> None:
    for number in range(5):
        with api_client.school.audited.work("operator:test") as work:
            work.audit(AuditAction.ROSTER_LIST, f"subject-{number}")
    caller, seen = officer(api_client), []
    page = caller.get("/api/audit", params={"limit": 2})
    assert page["entries"][0]["action"] == "sign_in.issue"
    seen += page["entries"]
    while page["next"]:
        page = caller.get("/api/audit", params={"limit": 2, "cursor": page["next"]})
        seen += page["entries"]
    seqs = [entry["seq"] for entry in seen]
    assert seqs == sorted(seqs, reverse=True)
    assert seqs[-1] == 1
    assert len(seqs) == len(set(seqs)) == 6


def test_entries_are_filtered_by_actor_action_and_subject(api_client: ApiClient) -> None:
    api_client.teacher.post(f"/api/lessons/{LESSON}/register/open")
    caller = officer(api_client)
    for filters in (
        {"action": "register.open"},
        {"action": "register.", "actor": teacher(1)},
        {"subject": LESSON},
    ):
        (entry,) = caller.get("/api/audit", params=filters)["entries"]
        assert (entry["actor"], entry["action"]) == (teacher(1), "register.open")
    assert caller.get("/api/audit", params={"action": "register.op"})["entries"] == []
    caller.get("/api/audit", 422, params={"subject": "a\0b"})


def test_a_filter_that_seldom_matches_scans_a_bounded_number_of_entries(
    api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_SCANNED_ENTRIES", 4)
    monkeypatch.setattr(audit, "CHUNK_SIZE", 3)
    with api_client.school.audited.work("operator:test") as work:
        work.audit(AuditAction.ROSTER_TIMETABLE)
        for _ in range(20):
            work.audit(AuditAction.ROSTER_LIST)
    caller, pages, found = officer(api_client), 0, []
    page = caller.get("/api/audit", params={"action": "roster.timetable"})
    while page["next"]:
        pages += 1
        found += page["entries"]
        filters = {"action": "roster.timetable", "cursor": page["next"]}
        page = caller.get("/api/audit", params=filters)
    found += page["entries"]
    assert [entry["seq"] for entry in found] == [1]
    assert pages > 2


def test_each_access_is_recorded(api_client: ApiClient) -> None:
    caller = officer(api_client)
    caller.get("/api/audit")
    caller.get("/api/audit/verify")
    assert api_client.audited()[-2:] == ["audit.show", "audit.verify"]


def test_an_intact_log_is_verified(api_client: ApiClient) -> None:
    found = officer(api_client).get("/api/audit/verify")
    assert (found["holds"], found["heads"], found["problem"]) == (True, 1, None)
    assert found["entries"] == len(api_client.audited()) - 1


def test_a_log_without_its_head_is_broken(api_client: ApiClient, tmp_path: Path) -> None:
    caller = officer(api_client)
    (tmp_path / "keys" / HEAD_FILE).unlink()
    found = caller.get("/api/audit/verify")
    assert not found["holds"]
    assert "head" in found["problem"]


def test_a_truncated_log_is_broken_and_no_path_is_returned(
    api_client: ApiClient, tmp_path: Path
) -> None:
    caller = officer(api_client)
    head = tmp_path / "keys" / HEAD_FILE
    head.write_text(head.read_text().replace('"seq": 1', '"seq": 900'))
    found = caller.get("/api/audit/verify")
    assert (found["holds"], found["where"]) == (False, "audit entry 900")
    head.write_text("not JSON")
    found = caller.get("/api/audit/verify")
    assert (found["holds"], found["where"]) == (False, None)
    assert str(tmp_path) not in str(found)
