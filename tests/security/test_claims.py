"""OpenID Connect claims: parsed strictly, and never with a person's name."""

from typing import Any

import pytest

from cluster.errors import NotAllowed
from cluster.security.claims import parse_claims
from cluster.security.roles import Role
from cluster.settings import AccessSettings

ACCESS = AccessSettings()
SCHOOLS = {"hill", "dale"}


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": "u-1", **more}


@pytest.mark.parametrize("given", ["operator", ["operator"], ["janitor", "operator", 7, None]])
def test_a_role_is_a_string_or_a_list_and_unknown_roles_are_ignored(given: Any) -> None:
    found = parse_claims(ACCESS, claims(homeroom_role=given), SCHOOLS)
    assert found.roles == {Role.OPERATOR}
    assert found.subject == "oidc:u-1"


@pytest.mark.parametrize("given", [None, "", [], "janitor", {"operator": True}, 7, ["OPERATOR"]])
def test_without_a_known_role_sign_in_is_denied(given: Any) -> None:
    with pytest.raises(NotAllowed, match="no role"):
        parse_claims(ACCESS, claims(homeroom_role=given), SCHOOLS)


def test_a_school_leader_needs_a_known_school() -> None:
    led = claims(homeroom_role="school_leader", homeroom_schools=["hill", "elsewhere"])
    assert parse_claims(ACCESS, led, SCHOOLS).schools == {"hill"}
    nowhere: list[Any] = [[], None, "elsewhere"]
    for none in nowhere:
        with pytest.raises(NotAllowed, match="no school"):
            parse_claims(
                ACCESS, claims(homeroom_role="school_leader", homeroom_schools=none), SCHOOLS
            )


def test_schools_of_other_roles_are_ignored() -> None:
    given = claims(homeroom_role="analyst", homeroom_schools=["hill"])
    assert parse_claims(ACCESS, given, SCHOOLS).schools == frozenset()


@pytest.mark.parametrize("given", [None, "", 7, ["t-1"]])
def test_a_teacher_needs_a_sourced_id(given: Any) -> None:
    with pytest.raises(NotAllowed, match="which teacher"):
        parse_claims(ACCESS, claims(homeroom_role="teacher", sourced_id=given), SCHOOLS)


def test_claims_are_named_by_the_settings() -> None:
    access = AccessSettings(oidc_role_claim="job", oidc_user_claim="staff_no")
    found = parse_claims(access, claims(job="teacher", staff_no="t-1"), SCHOOLS)
    assert found.roles == {Role.TEACHER}
    assert found.sourced_id == "t-1"


def test_a_subject_that_may_name_a_person_is_hashed() -> None:
    given = claims(homeroom_role="operator") | {"sub": "made.up@example.org"}
    subject = parse_claims(ACCESS, given, SCHOOLS).subject
    assert subject.startswith("oidc:")
    assert "made" not in subject
    assert len(subject) < 64
