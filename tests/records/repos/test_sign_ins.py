"""Tokens and sessions in the records: issuing, verification, expiry and revocation."""

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
    delete_ended_sign_ins,
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
    with school.audited.work("operator:test") as work:
        return issue(work, principal, expires_in=DAY, **more).text


def session_for(school: School, principal: Principal, minutes: int = 60) -> str:
    with school.audited.work(principal.name) as work:
        return begin_session(work, principal, expires_in=timedelta(minutes=minutes)).text


def is_rejected(school: School, token: str) -> bool:
    try:
        principal_of(school.audited, token)
    except NotSignedIn as error:
        return str(error).startswith("the sign-in is missing, invalid or expired")
    return False


@pytest.mark.parametrize("who", [ANALYST, LEADER, TEACHER], ids=lambda who: who.name)
def test_a_token_authenticates_its_principal(school: School, who: Principal) -> None:
    found = principal_of(school.audited, token_for(school, who))
    assert (found.name, found.roles, found.schools, found.user_id) == (
        who.name,
        who.roles,
        who.schools,
        who.user_id,
    )
    assert len(found.sign_in_id) == 32


def test_a_token_is_valid_until_it_expires(school: School) -> None:
    token = token_for(school, ANALYST)
    school.clock.advance(hours=23, minutes=59)
    assert not is_rejected(school, token)
    school.clock.advance(minutes=1)
    assert is_rejected(school, token)


def test_a_revoked_token_is_rejected_and_revoking_it_again_returns_false(school: School) -> None:
    token = token_for(school, ANALYST)
    sign_in_id = principal_of(school.audited, token).sign_in_id
    with school.audited.work("operator:test") as work:
        assert revoke(work, sign_in_id)
    assert is_rejected(school, token)
    with school.audited.work("operator:test") as work:
        assert not revoke(work, sign_in_id)
        with pytest.raises(NotFound):
            revoke(work, "nothing")


def test_a_token_of_a_disabled_or_deleted_teacher_is_rejected(school: School) -> None:
    token = token_for(school, TEACHER)
    with school.audited.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(1)).values(enabled=False))
    assert is_rejected(school, token)
    with school.audited.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(1)).values(enabled=True))
    assert not is_rejected(school, token)
    with school.audited.records.writing() as session:
        user = session.get(User, teacher(1))
        assert user is not None
        session.delete(user)
    assert is_rejected(school, token)


def test_no_token_or_session_can_be_made_from_a_stolen_database(school: School) -> None:
    token, cookie = token_for(school, ANALYST), session_for(school, ANALYST)
    with school.audited.records.reading() as session:
        stolen = [str(row) for row in session.execute(text("SELECT * FROM sign_ins"))]
        ids = [row.id for kind in ("token", "session") for row in sign_ins(session, kind)]
    for secret in (token, cookie, token.rpartition(".")[2], *cookie.split(".")):
        assert not any(secret in row for row in stolen)
    for made_up in [f"hr_{one}" for one in ids] + [f"hr_{one}.{one}" for one in ids]:
        assert is_rejected(school, made_up)


def test_a_signed_id_without_a_row_is_rejected(school: School) -> None:
    assert is_rejected(school, sign_token(school.audited.keys, "f" * 32))


def test_a_session_is_not_accepted_as_a_token_nor_a_token_as_a_session(school: School) -> None:
    token, cookie = token_for(school, ANALYST), session_for(school, ANALYST)
    assert look_up(school.audited, "session", cookie).principal.name == ANALYST.name
    for kind, carried in (("session", token), ("token", cookie)):
        with pytest.raises(NotSignedIn):
            look_up(school.audited, kind, carried)  # type: ignore[arg-type]


def test_a_session_ends_with_the_token_it_was_begun_with(school: School) -> None:
    token = token_for(school, ANALYST)
    signed_in = look_up(school.audited, "token", token)
    with school.audited.work(ANALYST.name) as work:
        lasting = begin_session(work, ANALYST, expires_in=9 * DAY, parent=signed_in)
    assert lasting.expires_at == signed_in.expires_at
    with school.audited.work("operator:test") as work:
        revoke(work, signed_in.principal.sign_in_id)
    with pytest.raises(NotSignedIn):
        look_up(school.audited, "session", lasting.text)


def test_issuing_and_revoking_is_audited_without_secret_or_label(school: School) -> None:
    token = token_for(school, ANALYST, label="for the Canary report")
    cookie = session_for(school, LEADER)
    sign_in_id = principal_of(school.audited, token).sign_in_id
    with school.audited.work("operator:test") as work:
        revoke(work, sign_in_id)
    with school.audited.records.reading() as session:
        entries = list(audit_log.entries(session))
    assert [one.action for one in entries] == ["sign_in.issue", "sign_in.issue", "sign_in.revoke"]
    assert [one.actor for one in entries] == ["operator:test", LEADER.name, "operator:test"]
    logged = repr(entries)
    assert not any(word in logged for word in (token, cookie, "Canary"))
    school.verify()


def test_the_repr_of_an_issued_sign_in_hides_the_credential(school: School) -> None:
    with school.audited.work("operator:test") as work:
        issued = issue(work, ANALYST, expires_in=DAY)
    assert issued.text not in repr(issued)


def test_the_last_use_is_stored_as_a_day(school: School) -> None:
    token = token_for(school, ANALYST)

    def used() -> object:
        with school.audited.records.reading() as session:
            return sign_ins(session)[0].last_used_on

    assert used() is None
    principal_of(school.audited, token)
    assert used() == school.clock.now.date()
    school.clock.advance(hours=20)
    principal_of(school.audited, token)
    assert used() == school.clock.now.date()


def test_verification_does_not_wait_for_another_writer(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_for(school, TEACHER)
    began = time.monotonic()
    with school.audited.work("operator:import"):
        assert not is_rejected(school, token)
    assert time.monotonic() - began < BUSY_TIMEOUT_SECONDS / 2
    assert not is_rejected(school, token)
    if school.audited.records.is_sqlite:
        assert "was not written" in caplog.text
    assert token not in caplog.text
    with school.audited.records.reading() as session:
        assert sign_ins(session)[0].last_used_on == school.clock.now.date()


def test_the_list_shows_the_state_of_each_sign_in(school: School) -> None:
    token = token_for(school, ANALYST, label="report")
    token_for(school, LEADER)
    sign_in_id = principal_of(school.audited, token).sign_in_id
    with school.audited.work("operator:test") as work:
        revoke(work, sign_in_id)
    with school.audited.records.reading() as session:
        found = {one.name: one for one in sign_ins(session)}
    now = school.clock.now
    assert found[ANALYST.name].state(now) == "revoked"
    assert found[LEADER.name].state(now) == "active"
    assert found[LEADER.name].state(now + DAY) == "expired"
    assert found[LEADER.name].schools == ("dale", "hill")
    assert found[ANALYST.name].label == "report"


def test_sign_ins_that_ended_long_ago_are_deleted_and_others_kept(school: School) -> None:
    token_for(school, ANALYST)
    school.clock.advance(days=20)
    kept = token_for(school, LEADER)
    with school.audited.work("system:retention") as work:
        assert delete_ended_sign_ins(work, older_than=timedelta(days=30)) == 0
        assert delete_ended_sign_ins(work, older_than=timedelta(days=10)) == 1
    assert not is_rejected(school, kept)
    with school.audited.records.reading() as session:
        assert [one.name for one in sign_ins(session)] == [LEADER.name]
        assert [one.action for one in audit_log.entries(session)][-1] == "sign_in.forget"


def test_only_an_enabled_teacher_is_found(school: School) -> None:
    with school.audited.records.writing() as session:
        session.execute(update(User).where(User.id == teacher(2)).values(enabled=False))
    with school.audited.records.reading() as session:
        assert teacher_of(session, "teacher-1") == TEACHER
        for nobody in ("teacher-2", "student-1", "nobody"):
            with pytest.raises(NotFound):
                teacher_of(session, nobody)


def test_an_unknown_kind_is_rejected_by_the_database(school: School) -> None:
    token_for(school, ANALYST)
    with pytest.raises(RecordsError), school.audited.records.writing() as session:
        session.execute(update(SignInRow).values(kind="master"))
