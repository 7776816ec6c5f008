"""Decisions on faces: by policy, register and consent (R4, R5, R6)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cluster.consent.ledger import ConsentAction, LedgerEntry
from cluster.register.faces.consent import (
    ConsentReason,
    Decision,
    RegisterFacts,
    StudentFacts,
    active_grant,
    may_compare,
    may_keep,
)
from cluster.register.faces.policy import FaceRollCall, Policy

NOW = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
OPENED = RegisterFacts("c", NOW - timedelta(minutes=5), NOW + timedelta(minutes=5), is_open=True)


def policy(**changes: object) -> Policy:
    values: dict[str, object] = {
        "switched_on": True,
        "classes": ["c"],
        "legal_basis": "consent",
        "impact_assessment": "DPIA-1",
        "approved_by": "officer",
        "approved_on": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
        "notice_version": "1",
    }
    return Policy(FaceRollCall.model_validate(values | changes), "digest")


def entry(
    seq: int,
    what: ConsentAction,
    by: str = "mother",
    *,
    notice: str = "1",
    given_days_ago: float = 10,
    days: float = 100,
) -> LedgerEntry:
    at = NOW - timedelta(days=given_days_ago)
    is_grant = what is ConsentAction.GRANT
    return LedgerEntry(
        seq,
        "s",
        by,
        what,
        notice if is_grant else None,
        at,
        at + timedelta(days=days) if is_grant else None,
    )


def facts(*ledger: LedgerEntry, guardians: frozenset[str] | None = None) -> StudentFacts:
    return StudentFacts(
        "s",
        ledger,
        frozenset({"mother", "father"}) if guardians is None else guardians,
        frozenset({"c"}),
    )


GRANT, WITHDRAW, OBJECT = ConsentAction.GRANT, ConsentAction.WITHDRAW, ConsentAction.OBJECT


@pytest.mark.parametrize(
    ("ledger", "reason"),
    [
        ([], ConsentReason.NO_GRANT),
        ([entry(1, GRANT)], ConsentReason.GRANTED),
        ([entry(1, GRANT), entry(2, WITHDRAW)], ConsentReason.NO_GRANT),
        ([entry(1, GRANT), entry(2, WITHDRAW, "father")], ConsentReason.NO_GRANT),
        ([entry(1, GRANT), entry(2, WITHDRAW), entry(3, GRANT)], ConsentReason.GRANTED),
        ([entry(1, GRANT), entry(2, OBJECT, "father")], ConsentReason.OBJECTION),
        ([entry(1, OBJECT, "s"), entry(2, GRANT)], ConsentReason.OBJECTION),
        ([entry(1, OBJECT, "s"), entry(2, GRANT), entry(3, WITHDRAW, "s")], ConsentReason.NO_GRANT),
        ([entry(1, OBJECT, "s"), entry(2, WITHDRAW, "s"), entry(3, GRANT)], ConsentReason.GRANTED),
        ([entry(1, OBJECT, "mother"), entry(2, GRANT, "mother")], ConsentReason.GRANTED),
        ([entry(1, OBJECT, "father"), entry(2, GRANT, "mother")], ConsentReason.OBJECTION),
        ([entry(1, GRANT, given_days_ago=20, days=10)], ConsentReason.GRANT_EXPIRED),
        ([entry(1, GRANT, given_days_ago=366, days=9999)], ConsentReason.GRANT_EXPIRED),
        ([entry(1, GRANT, given_days_ago=-1)], ConsentReason.GRANT_EXPIRED),
        ([entry(1, GRANT, notice="0")], ConsentReason.OTHER_NOTICE),
        ([entry(1, GRANT, "stranger")], ConsentReason.NOT_GUARDIAN),
    ],
)
def test_the_reason_that_a_ledger_amounts_to(
    ledger: list[LedgerEntry], reason: ConsentReason
) -> None:
    assert active_grant(facts(*ledger), "1", NOW).reason is reason


def test_entries_take_effect_by_their_number_not_their_position() -> None:
    assert not active_grant(facts(entry(2, WITHDRAW), entry(1, GRANT)), "1", NOW).allowed


@pytest.mark.parametrize(
    ("decided", "reason"),
    [
        (None, ConsentReason.POLICY_MISSING),
        (policy(switched_on=False), ConsentReason.POLICY_OFF),
        (policy(approved_on=date(2026, 3, 3)), ConsentReason.POLICY_NOT_YET),
        (policy(valid_until=date(2026, 3, 1)), ConsentReason.POLICY_EXPIRED),
        (policy(valid_until=date(2026, 3, 2)), ConsentReason.GRANTED),
        (policy(classes=["other"]), ConsentReason.CLASS_NOT_NAMED),
    ],
)
def test_the_policy_overrides_every_consent(decided: Policy | None, reason: ConsentReason) -> None:
    decision = may_compare(decided, facts(entry(1, GRANT)), OPENED, NOW)
    assert decision.reason is reason
    assert decision.allowed == (reason is ConsentReason.GRANTED)


@pytest.mark.parametrize(
    "register",
    [
        None,
        RegisterFacts("c", OPENED.opened_at, OPENED.closes_at, is_open=False),
        RegisterFacts("c", NOW - timedelta(minutes=10), NOW, is_open=True),
        RegisterFacts("c", NOW + timedelta(seconds=1), OPENED.closes_at, is_open=True),
    ],
)
def test_without_an_open_register_no_face_is_compared(register: RegisterFacts | None) -> None:
    decision = may_compare(policy(), facts(entry(1, GRANT)), register, NOW)
    assert decision == Decision.denied(ConsentReason.REGISTER_NOT_OPEN)


def test_a_face_is_compared_only_in_lessons_of_the_students_classes() -> None:
    other = RegisterFacts("d", OPENED.opened_at, OPENED.closes_at, is_open=True)
    decision = may_compare(policy(classes=["c", "d"]), facts(entry(1, GRANT)), other, NOW)
    assert decision.reason is ConsentReason.NOT_ENROLLED


def test_a_template_needs_a_named_class_but_no_register() -> None:
    assert may_keep(policy(), facts(entry(1, GRANT)), NOW).allowed
    assert not may_keep(policy(classes=["other"]), facts(entry(1, GRANT)), NOW).allowed
