"""`homeroom checkin`: agreements of guardians, who may take part, and the end of what is over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.demo.sample_roster import SCIENCE, write_sample_roster
from tests.cli.command import Homeroom
from tests.cli.test_roster import SETTINGS

TODAY = datetime.now(UTC).date()


@pytest.fixture
def office(homeroom: Homeroom) -> Homeroom:
    """The command in a folder with the sample roster; 7B Science needs agreements."""
    Path("homeroom.toml").write_text(f'{SETTINGS}\n[checkins]\nagreement_classes = ["{SCIENCE}"]\n')
    write_sample_roster(Path("sample"), today=TODAY)
    assert homeroom("roster", "import", "sample").code == 0
    return homeroom


def agreed(homeroom: Homeroom) -> dict[str, str]:
    rows = homeroom("checkin", "agreements", SCIENCE, "--json").json
    return {row["student"]: row["until"] for row in rows if row["agreed"] == "yes"}


def test_a_guardian_agrees_for_a_year_and_takes_it_back(office: Homeroom) -> None:
    said = office("checkin", "agree", "student-1", "--by", "guardian-1")
    assert said.code == 0
    assert said.stderr_contains("Agreement of guardian-1 for student-1 is recorded. It ends on")
    assert agreed(office) == {"student-1": str(TODAY + timedelta(days=365))}
    said = office("checkin", "withdraw", "student-1", "--by", "guardian-1", "--json")
    assert said.json["until"] is None
    assert agreed(office) == {}
    assert office("audit", "verify").stderr_contains("every link holds")


def test_an_agreement_ends_on_the_day_that_is_given(office: Homeroom) -> None:
    until = str(TODAY + timedelta(days=30))
    said = office("checkin", "agree", "student-1", "--by=guardian-1", f"--until={until}", "--json")
    assert said.json["seq"] == 1
    assert agreed(office) == {"student-1": until}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("student-1", "--by=guardian-2"), "is not a guardian"),
        (("student-1", "--by=guardian-1", "--until=2001-01-01"), "ends within a year"),
        (("student-1", "--by=guardian-1", "--until=soon"), "is not a date"),
        (("nobody", "--by=guardian-1"), "there is no student"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    office: Homeroom, arguments: tuple[str, ...], words: str
) -> None:
    answer = office("checkin", "agree", *arguments)
    assert answer.code == 1
    assert answer.stderr_contains(words)
    assert agreed(office) == {}


def test_a_class_is_listed_by_name_with_what_is_missing(office: Homeroom) -> None:
    office("checkin", "agree", "student-2", "--by=guardian-1")
    listed = office("checkin", "agreements", SCIENCE)
    assert "student-2" in listed.out
    assert listed.stderr_contains(
        "1 of 8 may take part. With fewer than 10, counts are never told."
    )
    other = office("checkin", "agreements", "class-7b-art")
    assert other.stderr_contains("This class needs no agreements")
    assert office("checkin", "agreements", "no-class").code == 1


def test_ending_those_over_says_how_many(office: Homeroom) -> None:
    answer = office("checkin", "end-over", "--json")
    assert (answer.code, answer.json) == (0, {"ended": 0})
    assert answer.stderr_contains("0 check-ins ended.")


def test_publishing_reads_the_records_where_there_are_any(office: Homeroom) -> None:
    published = office("publish", "--json")
    assert published.code == 0
    assert published.json["rows"]["checkin_counts"] == 0
