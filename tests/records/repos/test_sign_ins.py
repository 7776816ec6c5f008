"""Tokens and sessions in the records: who comes in, until when, and that every end is one."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from cluster.errors import NotFound, NotSignedIn, RecordsError
from cluster.records.db import audit_log
from cluster.records.db.database import BUSY_TIMEOUT_SECONDS, Records
from cluster.records.db.models import SignInRow, User
from cluster.records.repos.sign_ins import (
    begin_session,
    forget_ended,
    issue,
    look_up,
    principal_of,
    revoke,
    sign_ins,
    teacher_of,
)
from cluster.security.keys import KeyStore
from cluster.security.roles import Principal, Role
from cluster.security.tokens import sign_token
from tests.register.school import School, create_school, teacher

DAY = timedelta(days=1)
ANALYST = Principal("analyst:anna", frozenset({Role.ANALYST}))
LEADER = Principal("school_leader:bo", frozenset({Role.SCHOOL_LEADER}), frozenset({"hill", "dale"}))
TEACHER = Principal(teacher(1), frozenset({Role.TEACHER}), user_id=teacher(1))


@pytest.fixture
def school(records: Records, keys: KeyStore, tmp_path: Path) -> School:
    return create_school(records, keys, tmp_path, students=1)


def token_for(school: School, principal: Principal, **more: str) -> str:
    with school.identity.work("operator:test") as work:
        return issue(work, principal, expires_in=DAY, **more).text


def session_for(school: School, principal: Principal, minutes: int = 60) -> str:
    with school.identity.work(principal.name) as work:
        return begin_session(work, principal, expires_in=timedelta(minutes=minutes)).text


def is_refused(school: School, token: str) -> bool:
    try:
        principal_of(school.identity, token)
    except NotSignedIn as error:
        return str(error).startswith("the sign-in is missing, invalid or expired")
    return False


@pytest.mark.parametrize("who", [ANALYST, LEADER, TEACHER], ids=lambda who: who.name)
def test_a_token_lets_in_whom_it_was_made_for(school: School, who: Principal) -> None:
    found = principal_of(school.identity, token_for(school, who))
    assert (found.name, found.roles, found.schools, found.user_id) == (
        who.name,
        who.roles,
        who.schools,
        who.user_id,
    )
    assert len(found.sign_in_id) == 32


def test_a_token_holds_until_its_end_and_not_a_moment_longer(school: School) -> None:
    token = token_for(school, ANALYST)
    school.clock.advance(hours=23, minutes=59)
    assert not is_refused(school, token)
    school.clock.advance(minutes=1)
    assert is_refused(school, token)


def test_a_revoked_token_is_refused_and_revoking_twice_says_so(school: School) -> None:
    token = token_for(school, ANALYST)
    sign_in_id = principal_of(school.identity, token).sign_in_id
    with school.identity.work("operator:test") as work:
        assert revoke(work, sign_in_id)
    assert is_refused(school, token)
    with school.identity.work("operator:test") as work:
        assert not revoke(work, sign_in_id)
        with pytest.raises(NotFound):
            revoke(work, "nothing")


def test_a_teacher_who_is_switched_off_or_gone_stays_outside(school: School) -> None:
    token = token_for(school, TEACHER)
    with school.identity.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(1)).values(enabled=False))
    assert is_refused(school, token)
    with school.identity.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(1)).values(enabled=True))
    assert not is_refused(school, token)
    with school.identity.records.writing() as session:
        user = session.get(User, teacher(1))
        assert user is not None
        session.delete(user)
    assert is_refused(school, token)


def test_a_stolen_database_makes_neither_token_nor_session(school: School) -> None:
    token, cookie = token_for(school, ANALYST), session_for(school, ANALYST)
    with school.identity.records.reading() as session:
        stolen = [str(row) for row in session.execute(text("SELECT * FROM sign_ins"))]
        ids = [row.id for kind in ("token", "session") for row in sign_ins(session, kind)]
    for secret in (token, cookie, token.rpartition(".")[2], *cookie.split(".")):
        assert not any(secret in row for row in stolen)
    for made_up in [f"hr_{one}" for one in ids] + [f"hr_{one}.{one}" for one in ids]:
        assert is_refused(school, made_up)


def test_a_signed_id_without_a_row_is_refused(school: School) -> None:
    assert is_refused(school, sign_token(school.identity.keys, "f" * 32))


def test_a_session_is_no_token_and_a_token_no_session(school: School) -> None:
    token, cookie = token_for(school, ANALYST), session_for(school, ANALYST)
    assert look_up(school.identity, "session", cookie).principal.name == ANALYST.name
    for kind, carried in (("session", token), ("token", cookie)):
        with pytest.raises(NotSignedIn):
            look_up(school.identity, kind, carried)  # type: ignore[arg-type]


def test_a_session_of_a_token_ends_with_it_at_the_latest(school: School) -> None:
    token = token_for(school, ANALYST)
    signed_in = look_up(school.identity, "token", token)
    with school.identity.work(ANALYST.name) as work:
        lasting = begin_session(work, ANALYST, expires_in=9 * DAY, with_token=signed_in)
    assert lasting.expires_at == signed_in.expires_at
    with school.identity.work("operator:test") as work:
        revoke(work, signed_in.principal.sign_in_id)
    with pytest.raises(NotSignedIn):
        look_up(school.identity, "session", lasting.text)


def test_every_making_and_end_is_in_the_audit_log_without_secret_or_label(school: School) -> None:
    token = token_for(school, ANALYST, label="for the Canary report")
    cookie = session_for(school, LEADER)
    sign_in_id = principal_of(school.identity, token).sign_in_id
    with school.identity.work("operator:test") as work:
        revoke(work, sign_in_id)
    with school.identity.records.reading() as session:
        entries = list(audit_log.entries(session))
    assert [one.action for one in entries] == ["sign_in.issue", "sign_in.issue", "sign_in.revoke"]
    assert [one.actor for one in entries] == ["operator:test", LEADER.name, "operator:test"]
    told = repr(entries)
    assert not any(word in told for word in (token, cookie, "Canary"))
    school.verify()


def test_what_is_given_out_is_not_in_its_own_repr(school: School) -> None:
    with school.identity.work("operator:test") as work:
        issued = issue(work, ANALYST, expires_in=DAY)
    assert issued.text not in repr(issued)


def test_the_last_use_is_kept_to_the_day(school: School) -> None:
    token = token_for(school, ANALYST)

    def used() -> object:
        with school.identity.records.reading() as session:
            return sign_ins(session)[0].last_used_on

    assert used() is None
    principal_of(school.identity, token)
    assert used() == school.clock.now.date()
    school.clock.advance(hours=20)
    principal_of(school.identity, token)
    assert used() == school.clock.now.date()


def test_nobody_waits_at_the_door_while_others_write(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_for(school, TEACHER)
    began = time.monotonic()
    with school.identity.work("operator:import"):
        assert not is_refused(school, token)
    assert time.monotonic() - began < BUSY_TIMEOUT_SECONDS / 2
    assert not is_refused(school, token)
    if school.identity.records.is_sqlite:
        assert "was not written" in caplog.text
    assert token not in caplog.text
    with school.identity.records.reading() as session:
        assert sign_ins(session)[0].last_used_on == school.clock.now.date()


def test_the_list_says_what_each_is_worth(school: School) -> None:
    token = token_for(school, ANALYST, label="report")
    token_for(school, LEADER)
    sign_in_id = principal_of(school.identity, token).sign_in_id
    with school.identity.work("operator:test") as work:
        revoke(work, sign_in_id)
    with school.identity.records.reading() as session:
        found = {one.name: one for one in sign_ins(session)}
    now = school.clock.now
    assert found[ANALYST.name].state(now) == "revoked"
    assert found[LEADER.name].state(now) == "active"
    assert found[LEADER.name].state(now + DAY) == "expired"
    assert found[LEADER.name].schools == ("dale", "hill")
    assert found[ANALYST.name].label == "report"


def test_what_ended_long_ago_is_forgotten_and_the_rest_stays(school: School) -> None:
    token_for(school, ANALYST)
    school.clock.advance(days=20)
    kept = token_for(school, LEADER)
    with school.identity.work("system:retention") as work:
        assert forget_ended(work, older_than=timedelta(days=30)) == 0
        assert forget_ended(work, older_than=timedelta(days=10)) == 1
    assert not is_refused(school, kept)
    with school.identity.records.reading() as session:
        assert [one.name for one in sign_ins(session)] == [LEADER.name]
        assert [one.action for one in audit_log.entries(session)][-1] == "sign_in.forget"


def test_only_a_teacher_who_is_switched_on_is_one(school: School) -> None:
    with school.identity.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(2)).values(enabled=False))
    with school.identity.records.reading() as session:
        assert teacher_of(session, "teacher-1") == TEACHER
        for nobody in ("teacher-2", "student-1", "nobody"):
            with pytest.raises(NotFound):
                teacher_of(session, nobody)


def test_a_kind_that_is_neither_is_refused_by_the_database(school: School) -> None:
    token_for(school, ANALYST)
    with pytest.raises(RecordsError), school.identity.records.writing() as session:
        session.execute(update(SignInRow).values(kind="master"))
