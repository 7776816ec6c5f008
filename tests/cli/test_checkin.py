"""`homeroom checkin`: agreements of guardians, and ending expired check-ins."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.demo.sample_roster import SCIENCE, write_sample_roster
from tests.cli.command import Homeroom
from tests.cli.test_roster import SETTINGS

TODAY = datetime.now(UTC).date()


@pytest.fixture
def homeroom_with_roster(homeroom: Homeroom) -> Homeroom:
    """The command in a folder with the sample roster; 7B Science needs agreements."""
    Path("homeroom.toml").write_text(f'{SETTINGS}\n[checkins]\nagreement_classes = ["{SCIENCE}"]\n')
    write_sample_roster(Path("sample"), today=TODAY)
    assert homeroom("roster", "import", "sample").code == 0
    return homeroom


def agreed(homeroom: Homeroom) -> dict[str, str]:
    rows = homeroom("checkin", "agreements", SCIENCE, "--json").json
    return {row["student"]: row["until"] for row in rows if row["agreed"] == "yes"}


def test_a_guardian_agrees_for_a_year_and_withdraws(homeroom_with_roster: Homeroom) -> None:
    result = homeroom_with_roster("checkin", "agree", "student-1", "--by", "guardian-1")
    assert result.code == 0
    assert result.stderr_contains("Agreement of guardian-1 for student-1 is recorded. It ends on")
    assert agreed(homeroom_with_roster) == {"student-1": str(TODAY + timedelta(days=365))}
    result = homeroom_with_roster(
        "checkin", "withdraw", "student-1", "--by", "guardian-1", "--json"
    )
    assert result.json["until"] is None
    assert agreed(homeroom_with_roster) == {}
    assert homeroom_with_roster("audit", "verify").stderr_contains("every link holds")


def test_an_agreement_expires_on_the_given_day(homeroom_with_roster: Homeroom) -> None:
    until = str(TODAY + timedelta(days=30))
    result = homeroom_with_roster(
        "checkin", "agree", "student-1", "--by=guardian-1", f"--until={until}", "--json"
    )
    assert result.json["seq"] == 1
    assert agreed(homeroom_with_roster) == {"student-1": until}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("student-1", "--by=guardian-2"), "is not a guardian"),
        (("student-1", "--by=guardian-1", "--until=2001-01-01"), "ends within a year"),
        (("student-1", "--by=guardian-1", "--until=soon"), "is not a date"),
        (("nobody", "--by=guardian-1"), "there is no student"),
    ],
)
def test_invalid_agreements_are_rejected_with_an_explanation(
    homeroom_with_roster: Homeroom, arguments: tuple[str, ...], message: str
) -> None:
    answer = homeroom_with_roster("checkin", "agree", *arguments)
    assert answer.code == 1
    assert answer.stderr_contains(message)
    assert agreed(homeroom_with_roster) == {}


def test_a_class_is_listed_with_missing_agreements(homeroom_with_roster: Homeroom) -> None:
    homeroom_with_roster("checkin", "agree", "student-2", "--by=guardian-1")
    listed = homeroom_with_roster("checkin", "agreements", SCIENCE)
    assert "student-2" in listed.out
    assert listed.stderr_contains(
        "1 of 8 may take part. With fewer than 10, counts are never published."
    )
    other = homeroom_with_roster("checkin", "agreements", "class-7b-art")
    assert other.stderr_contains("This class needs no agreements")
    assert homeroom_with_roster("checkin", "agreements", "no-class").code == 1


def test_ending_expired_checkins_prints_how_many(homeroom_with_roster: Homeroom) -> None:
    answer = homeroom_with_roster("checkin", "end-over", "--json")
    assert (answer.code, answer.json) == (0, {"ended": 0})
    assert answer.stderr_contains("0 check-ins ended.")


def test_publishing_reads_existing_records(homeroom_with_roster: Homeroom) -> None:
    published = homeroom_with_roster("publish", "--json")
    assert published.code == 0
    assert published.json["rows"]["checkin_counts"] == 0
