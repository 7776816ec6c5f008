"""What an identity provider says of somebody: read strictly, and never a person's name kept."""

from typing import Any

import pytest

from cluster.errors import NotAllowed
from cluster.security.claims import read_claims
from cluster.security.roles import Role
from cluster.settings import AccessSettings

ACCESS = AccessSettings()
SCHOOLS = {"hill", "dale"}


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": "u-1", **more}


@pytest.mark.parametrize("given", ["operator", ["operator"], ["janitor", "operator", 7, None]])
def test_a_role_is_a_text_or_in_a_list_and_unknown_ones_are_passed_over(given: Any) -> None:
    found = read_claims(ACCESS, claims(homeroom_role=given), SCHOOLS)
    assert found.roles == {Role.OPERATOR}
    assert found.subject == "oidc:u-1"


@pytest.mark.parametrize("given", [None, "", [], "janitor", {"operator": True}, 7, ["OPERATOR"]])
def test_without_a_known_role_nobody_comes_in(given: Any) -> None:
    with pytest.raises(NotAllowed, match="no role"):
        read_claims(ACCESS, claims(homeroom_role=given), SCHOOLS)


def test_a_leader_leads_the_known_schools_and_at_least_one() -> None:
    led = claims(homeroom_role="school_leader", homeroom_schools=["hill", "elsewhere"])
    assert read_claims(ACCESS, led, SCHOOLS).schools == {"hill"}
    nowhere: list[Any] = [[], None, "elsewhere"]
    for none in nowhere:
        with pytest.raises(NotAllowed, match="no school"):
            read_claims(
                ACCESS, claims(homeroom_role="school_leader", homeroom_schools=none), SCHOOLS
            )


def test_schools_of_somebody_who_leads_none_are_not_kept() -> None:
    given = claims(homeroom_role="analyst", homeroom_schools=["hill"])
    assert read_claims(ACCESS, given, SCHOOLS).schools == frozenset()


@pytest.mark.parametrize("given", [None, "", 7, ["t-1"]])
def test_a_teacher_must_be_named_by_the_rosters_key(given: Any) -> None:
    with pytest.raises(NotAllowed, match="which teacher"):
        read_claims(ACCESS, claims(homeroom_role="teacher", sourced_id=given), SCHOOLS)


def test_claims_have_the_names_that_the_settings_give_them() -> None:
    access = AccessSettings(oidc_role_claim="job", oidc_user_claim="staff_no")
    found = read_claims(access, claims(job="teacher", staff_no="t-1"), SCHOOLS)
    assert found.roles == {Role.TEACHER}
    assert found.sourced_id == "t-1"


def test_a_subject_that_may_name_a_person_is_kept_as_a_hash() -> None:
    given = claims(homeroom_role="operator") | {"sub": "made.up@example.org"}
    subject = read_claims(ACCESS, given, SCHOOLS).subject
    assert subject.startswith("oidc:")
    assert "made" not in subject
    assert len(subject) < 64
