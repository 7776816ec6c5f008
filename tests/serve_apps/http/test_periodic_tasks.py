"""Periodic tasks of the service: overdue check-ins end, old sign-ins are deleted."""

from datetime import timedelta

import pytest

from cluster import checkins
from cluster.records.repos.checkin_counts import counts_of
from cluster.security.roles import Role
from serve_apps.http import periodic_tasks
from tests.register.school import LESSON, School, teacher
from tests.serve_apps.http.api_client import open_api_client, wait_until


@pytest.fixture(autouse=True)
def _short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic_tasks, "CHECKINS_INTERVAL_SECONDS", 0.05)


def has_ended(school: School) -> bool:
    with school.audited.records.reading() as session:
        return counts_of(session, LESSON) is not None


def test_an_overdue_check_in_is_ended(school: School) -> None:
    with school.audited.work(teacher(1)) as work:
        checkins.start(work, school.settings, LESSON)
    with open_api_client(school):
        assert not has_ended(school)
        school.clock.advance(minutes=46)
        wait_until(lambda: has_ended(school))


def test_sign_ins_that_ended_long_ago_are_deleted(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic_tasks, "SIGN_INS_INTERVAL_SECONDS", 0.05)
    with open_api_client(school) as api_client:
        token = api_client.token(Role.TEACHER)
        school.clock.advance(days=20)
        before = len(api_client.audited())
        assert "sign_in.forget" not in api_client.audited()
        school.clock.now += timedelta(days=20)
        wait_until(lambda: "sign_in.forget" in api_client.audited())
        assert len(api_client.audited()) > before
        assert token
