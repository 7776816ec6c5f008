"""Rosters as school systems export them: each sample gives what its README says is right."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.records.repos.people import user_of
from cluster.register.faces.consent import active_grant
from cluster.register.faces.consent_ledger import record_grant, record_objection
from cluster.register.faces.permissions import load_ledger, load_student_facts
from cluster.security.keys import KeyStore
from tests.records.exports import SampleSchool, open_sample_school

DAY = date(2026, 11, 28)
ALL = ["s1", "s2", "s3", "s4"]


@pytest.fixture
def school(samples: Path, tmp_path: Path, records: Records, keys: KeyStore) -> SampleSchool:
    return open_sample_school(samples, tmp_path, records, keys)


@pytest.fixture
def base(school: SampleSchool) -> SampleSchool:
    """The school with its first roster."""
    assert school.roster("roster-base").bad_rows == ()
    return school


def test_a_student_without_an_account_is_in_the_register(base: SampleSchool) -> None:
    assert base.roster("roster-disabled-accounts").bad_rows == ()
    assert base.students("c1", DAY) == ALL
    assert base.gone() == set()


def test_a_guardian_without_an_account_may_object(base: SampleSchool) -> None:
    base.roster("roster-disabled-accounts")
    with base.audited.work("operator:test") as work:
        record_grant(work, "s3", "g5", notice_version="1", expires_at=work.now + timedelta(days=30))
        record_objection(work, "s3", "g3")
        [facts] = load_student_facts(work.session, [user_of(work.session, "s3").id], DAY)
        assert str(active_grant(facts, None, work.now).reason) == "objection"


def test_the_day_on_which_an_enrollment_ends_is_not_in_it(base: SampleSchool) -> None:
    assert base.roster("roster-end-date").bad_rows == ()
    eve = DAY - timedelta(days=1)
    assert (base.students("c1", eve), base.students("c2", eve)) == (ALL, [])
    assert (base.students("c1", DAY), base.students("c2", DAY)) == (ALL[:3], ["s4"])


def test_rows_of_commas_are_no_rows_and_who_left_is_gone(base: SampleSchool) -> None:
    result = base.roster("roster-empty-rows")
    assert result.bad_rows == ()
    assert base.gone() == {"s4"}
    assert base.students("c1", DAY) == ALL[:3]


@pytest.mark.parametrize(
    "name", ["roster-backslashes.zip", "roster-two-folders.zip", "roster-semicolon"]
)
def test_the_same_roster_is_read_as_other_programs_pack_and_separate_it(
    base: SampleSchool, name: str
) -> None:
    result = base.roster(name)
    assert (result.total, result.bad_rows) == (0, ())
    assert sum(one.unchanged for one in result.counts.values()) > 20


def test_an_unknown_status_is_refused_with_the_words_that_are_known(base: SampleSchool) -> None:
    [bad] = base.roster("roster-status-inactive").bad_rows
    assert str(bad) == (
        "enrollments.csv:4: status: 'inactive' is no status of OneRoster, which are active and "
        "tobedeleted; the row is left out"
    )
    assert base.students("c1", DAY) == ALL


def test_a_student_who_comes_back_is_asked_anew(base: SampleSchool) -> None:
    def reason() -> str:
        with base.audited.records.reading() as session:
            student = user_of(session, "s4").id
            [facts] = load_student_facts(session, [student], DAY)
            return str(active_grant(facts, None, base.now).reason)

    def grant() -> None:
        with base.audited.work("operator:test") as work:
            until = work.now + timedelta(days=300)
            record_grant(work, "s4", "g4", notice_version="1", expires_at=until)

    grant()
    assert reason() == "granted"
    base.roster("roster-empty-rows")
    assert reason() == "no_grant"
    base.roster("roster-base")
    assert base.students("c1", DAY) == ALL
    assert reason() == "no_grant"
    base.roster("roster-base")
    with base.audited.records.reading() as session:
        words = [(str(one.action), one.said_by) for one in load_ledger(session)]
    assert [word for word, _ in words] == ["grant", "withdraw"]
    assert words[-1][1] == "roster"
    grant()
    assert reason() == "granted"
    base.roster("roster-base")
    assert reason() == "granted"
