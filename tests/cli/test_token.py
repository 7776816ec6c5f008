"""`homeroom token`: made once, listed without the secret, revoked; and what it refuses."""

from pathlib import Path

import pytest

from cluster.cli.installation import open_installation
from cluster.clock import utc_now
from cluster.demo.sample_roster import write_sample_roster
from cluster.errors import NotSignedIn
from cluster.records.repos.sign_ins import principal_of
from cluster.security.roles import Principal, Role
from tests.cli.command import Homeroom
from tests.cli.test_roster import SETTINGS

SCHOOL = "hillside-school"


@pytest.fixture
def installed(homeroom: Homeroom) -> Homeroom:
    """The command in a folder with settings."""
    Path("homeroom.toml").write_text(SETTINGS)
    return homeroom


def who(token: str) -> Principal:
    with open_installation(None) as (_, audited):
        return principal_of(audited, token.strip())


def test_a_token_is_shown_once_on_standard_output_alone(installed: Homeroom) -> None:
    answer = installed("token", "create", "--role", "operator", "--name", "anna")
    assert answer.code == 0
    assert who(answer.out).name == "operator:anna"
    assert answer.out.strip() not in answer.err
    assert answer.stderr_contains("not shown again")
    listed = installed("token", "list")
    assert "operator:anna" in listed.out
    assert answer.out.strip() not in listed.out
    assert answer.out.strip().rpartition(".")[2] not in listed.out


def test_a_teacher_comes_in_as_their_row_of_the_roster(installed: Homeroom) -> None:
    write_sample_roster(Path("sample"), today=utc_now().date())
    installed("roster", "import", "sample")
    made = installed("token", "create", "--role", "teacher", "--user", "teacher-1", "--json").json
    found = who(made["token"])
    assert found.roles == {Role.TEACHER}
    assert found.name == found.user_id
    assert installed("token", "list", "--json").json[0]["user"] == "teacher-1"
    student = installed("token", "create", "--role", "teacher", "--user", "student-1")
    assert student.code == 1
    assert student.stderr_contains("no teacher 'student-1' in the roster")


def test_a_leader_leads_schools_that_the_settings_know(installed: Homeroom) -> None:
    made = installed("token", "create", "--role", "school_leader", "--school", SCHOOL, "--json")
    assert who(made.json["token"]).schools == {SCHOOL}
    unknown = installed("token", "create", "--role", "school_leader", "--school", "dale")
    assert unknown.code == 1
    assert unknown.stderr_contains(f"no school 'dale' in the settings. There are: {SCHOOL}.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--role", "teacher"), "needs --user"),
        (("--role", "teacher", "--user", "t", "--name", "x"), "and no --name"),
        (("--role", "operator", "--user", "t"), "only for --role teacher"),
        (("--role", "school_leader"), "needs --school"),
        (("--role", "analyst", "--school", SCHOOL), "only for --role school_leader"),
        (("--role", "analyst", "--name", "An Na"), "is not a short name"),
        (("--role", "analyst", "--days", "91"), "a token is valid for 90 days at most"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(
    installed: Homeroom, options: tuple[str, ...], words: str
) -> None:
    answer = installed("token", "create", *options)
    assert answer.code == 1
    assert answer.stderr_contains(words)
    assert answer.out == ""
    assert installed("token", "list", "--json").json == []


def test_a_role_that_is_none_ends_with_2(installed: Homeroom) -> None:
    assert installed("token", "create", "--role", "janitor").code == 2


def test_a_file_is_for_its_owner_alone_and_the_token_is_not_shown(installed: Homeroom) -> None:
    file = Path("token")
    file.write_text("old")
    file.chmod(0o644)
    answer = installed("token", "create", "--role", "analyst", "--out", file)
    assert answer.out == ""
    assert file.stat().st_mode & 0o777 == 0o600
    assert who(file.read_text()).roles == {Role.ANALYST}
    assert (
        installed("token", "create", "--role", "analyst", "--out", file, "--json").json["token"]
        is None
    )


def test_a_file_that_cannot_be_written_leaves_no_token(installed: Homeroom) -> None:
    answer = installed("token", "create", "--role", "analyst", "--out", "nowhere/token")
    assert answer.code == 1
    assert answer.stderr_contains("cannot be written")
    assert installed("token", "list", "--json").json == []


def test_a_revoked_token_is_worth_nothing(installed: Homeroom) -> None:
    made = installed("token", "create", "--role", "analyst", "--json").json
    revoked = installed("token", "revoke", made["id"], "--json").json
    assert revoked == {"id": made["id"], "revoked": True, "was_revoked_before": False}
    with pytest.raises(NotSignedIn):
        who(made["token"])
    assert installed("token", "revoke", made["id"]).stderr_contains("was revoked already")
    assert installed("token", "list", "--json").json[0]["state"] == "revoked"
    missing = installed("token", "revoke", "nothing")
    assert (missing.code, missing.stderr_contains("no token 'nothing'")) == (1, True)


def test_making_listing_and_revoking_are_in_the_audit_log(installed: Homeroom) -> None:
    made = installed("token", "create", "--role", "analyst", "--json").json
    installed("token", "list")
    installed("token", "list", "--sessions")
    installed("token", "revoke", made["id"])
    actions = [entry["action"] for entry in installed("audit", "list", "--json").json]
    assert actions == ["sign_in.issue", "sign_in.list", "sign_in.list", "sign_in.revoke"]
    assert installed("audit", "verify").code == 0
