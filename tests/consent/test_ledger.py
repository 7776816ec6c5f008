"""The rules of consent (R5), for any ledger in any order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cluster.consent.ledger import (
    MAX_GRANT_DURATION,
    ConsentAction,
    GrantStatus,
    LedgerEntry,
    evaluate,
    is_valid_expiry,
    may_record,
)
from tests.plugins.hypothesis_profiles import examples

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STUDENT, GUARDIANS = "student", frozenset({"mother", "father"})
GRANT, WITHDRAW, OBJECT = ConsentAction.GRANT, ConsentAction.WITHDRAW, ConsentAction.OBJECT


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    """Entries by guardians, the student and a former guardian; times often equal, in no order."""
    entries = []
    for seq in range(1, draw(st.integers(0, 8)) + 1):
        action = draw(st.sampled_from(list(ConsentAction)))
        recorded_at = NOW - timedelta(days=draw(st.sampled_from([-1, 0, 1, 30, 364, 365, 400])))
        expires_at = recorded_at + timedelta(days=draw(st.sampled_from([0, 1, 30, 365, 800])))
        entries.append(
            LedgerEntry(
                seq=seq,
                student_id=STUDENT,
                said_by=draw(st.sampled_from(["mother", "father", STUDENT, "former"])),
                action=action,
                notice_version=draw(st.sampled_from(["1", "2"])),
                recorded_at=recorded_at,
                expires_at=expires_at if action is GRANT else None,
            )
        )
    return draw(st.permutations(entries))


def ends(entry: LedgerEntry, grant: LedgerEntry) -> bool:
    """Whether an entry ends a grant, whenever it was recorded."""
    if entry.seq <= grant.seq or entry.action is GRANT:
        return False
    if entry.action is OBJECT:
        return True
    return entry.said_by in {*GUARDIANS, STUDENT, grant.said_by}


def is_in_force(grant: LedgerEntry, entries: Sequence[LedgerEntry], notice: str | None) -> bool:
    """The rules again, as conditions on one grant."""
    latest = {entry.said_by: entry for entry in sorted(entries, key=lambda entry: entry.seq)}
    assert grant.expires_at is not None
    return (
        grant.said_by in GUARDIANS
        and notice in (None, grant.notice_version)
        and grant.recorded_at <= NOW < grant.expires_at
        and grant.recorded_at + timedelta(days=365) > NOW
        and not any(ends(entry, grant) for entry in entries)
        and all(entry.action is not OBJECT for entry in latest.values())
    )


@given(entries=ledgers(), notice=st.sampled_from([None, "1"]))
@hypothesis_settings(max_examples=examples(200))
def test_a_grant_is_in_force_exactly_if_the_rules_say_so(
    entries: list[LedgerEntry], notice: str | None
) -> None:
    """R5: a guardian grants, an objection wins, a withdrawal ends, nothing outlasts a year."""
    state = evaluate(
        entries, student_id=STUDENT, guardians=GUARDIANS, now=NOW, notice_version=notice
    )
    grants = [entry for entry in entries if entry.action is GRANT]
    expected = [grant for grant in grants if is_in_force(grant, entries, notice)]
    assert list(state.grants) == sorted(expected, key=lambda grant: -grant.seq)
    assert (state.status is GrantStatus.GRANTED) == bool(expected)


@pytest.mark.parametrize(
    ("person", "allowed"),
    [
        ("mother", {GRANT, WITHDRAW, OBJECT}),
        (STUDENT, {WITHDRAW, OBJECT}),
        ("former", {WITHDRAW}),
        ("stranger", set()),
    ],
)
def test_who_may_record_what(person: str, allowed: set[ConsentAction]) -> None:
    entries = [LedgerEntry(1, STUDENT, "former", GRANT, "1", NOW, NOW)]
    found = {
        action
        for action in ConsentAction
        if may_record(action, person, student_id=STUDENT, guardians=GUARDIANS, entries=entries)
    }
    assert found == allowed


@pytest.mark.parametrize(
    ("duration", "valid"),
    [
        (timedelta(0), False),
        (timedelta(seconds=1), True),
        (MAX_GRANT_DURATION, True),
        (MAX_GRANT_DURATION + timedelta(seconds=1), False),
    ],
)
def test_a_grant_expires_within_a_year(duration: timedelta, valid: bool) -> None:
    assert is_valid_expiry(NOW + duration, NOW) == valid
