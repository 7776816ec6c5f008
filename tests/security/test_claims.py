"""OpenID Connect claims: parsed strictly, and never with a person's name."""

from typing import Any, get_args

import pytest

from cluster.errors import NotAllowed, RoleMissing, SchoolMissing, TeacherUnknown
from cluster.security.claims import describe_claims, names_of_used_claims, parse_claims
from cluster.security.roles import Role
from cluster.settings import AccessMapping, AccessSettings
from cluster.settings.access import RoleName

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
    nowhere: list[Any] = [[], None, "elsewhere", "hillside", "hill.dale", 7]
    for none in nowhere:
        with pytest.raises(NotAllowed, match="no school"):
            parse_claims(
                ACCESS, claims(homeroom_role="school_leader", homeroom_schools=none), SCHOOLS
            )


def test_schools_of_other_roles_are_ignored() -> None:
    given = claims(homeroom_role="analyst", homeroom_schools=["hill"])
    assert parse_claims(ACCESS, given, SCHOOLS).schools == frozenset()


@pytest.mark.parametrize("given", [None, "", True, 7.5, ["t-1"], {"t-1": 1}])
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


def test_a_sourced_id_may_be_a_number() -> None:
    given = claims(homeroom_role="teacher", sourced_id=4711)
    assert parse_claims(ACCESS, given, SCHOOLS).sourced_id == "4711"


@pytest.mark.parametrize(
    "given",
    ["hill,dale", "hill dale", " hill; dale,elsewhere", ["hill,dale"], ["dale", "hill"]],
)
def test_a_leaders_schools_may_stand_in_one_text(given: Any) -> None:
    led = claims(homeroom_role="school_leader", homeroom_schools=given)
    assert parse_claims(ACCESS, led, SCHOOLS).schools == SCHOOLS


def access_with(*mapped: dict[str, Any], **more: Any) -> AccessSettings:
    return AccessSettings.model_validate({"map": mapped, **more})


TEACHERS = {"claim": "groups", "value": "Teaching staff", "role": "teacher"}
HEADS = {"claim": "groups", "value": "7", "role": "school_leader", "schools": ["hill"]}


@pytest.mark.parametrize(
    "groups", ["Teaching staff", ["Teaching staff"], ["others", "Teaching staff", None]]
)
def test_a_group_gives_a_role(groups: Any) -> None:
    given = claims(groups=groups, sourced_id="t-1")
    found = parse_claims(access_with(TEACHERS, HEADS), given, SCHOOLS)
    assert found.roles == {Role.TEACHER}
    assert found.sourced_id == "t-1"
    assert found.schools == frozenset()


def test_groups_add_up_with_the_role_of_the_role_claim() -> None:
    given = claims(groups=["Teaching staff", 7], sourced_id="t-1", homeroom_role="operator")
    found = parse_claims(access_with(TEACHERS, HEADS), given, SCHOOLS)
    assert found.roles == {Role.TEACHER, Role.SCHOOL_LEADER, Role.OPERATOR}
    assert found.schools == {"hill"}


def test_a_group_without_schools_takes_those_of_the_schools_claim() -> None:
    mapped = access_with({**HEADS, "schools": []})
    given = claims(groups=7, homeroom_schools="dale")
    assert parse_claims(mapped, given, SCHOOLS).schools == {"dale"}
    with pytest.raises(SchoolMissing):
        parse_claims(mapped, claims(groups=7), SCHOOLS)


@pytest.mark.parametrize(
    "groups",
    [
        "teaching staff",
        "Teaching staff ",
        "Teaching",
        "Teaching staff,others",
        {"Teaching staff": True},
        [["Teaching staff"]],
        True,
        None,
    ],
)
def test_a_group_is_compared_as_it_stands(groups: Any) -> None:
    with pytest.raises(RoleMissing):
        parse_claims(access_with(TEACHERS), claims(groups=groups, sourced_id="t-1"), SCHOOLS)


@pytest.mark.parametrize(("is_verified", "counts"), [(True, True), (False, False), (None, True)])
def test_an_address_that_the_provider_has_not_checked_does_not_count(
    is_verified: bool | None, counts: bool
) -> None:
    mapped = access_with({"claim": "email", "value": "it@school.example", "role": "operator"})
    given = claims(email="it@school.example", email_verified=is_verified)
    if counts:
        assert parse_claims(mapped, given, SCHOOLS).roles == {Role.OPERATOR}
    else:
        with pytest.raises(RoleMissing):
            parse_claims(mapped, given, SCHOOLS)


def test_the_roles_of_the_settings_are_all_roles() -> None:
    assert set(get_args(RoleName)) == {role.value for role in Role}
    with pytest.raises(ValueError, match="schools are for the role school_leader"):
        AccessMapping(claim="groups", value="x", role="analyst", schools=("hill",))


def test_the_names_of_claims_are_described_and_no_value_that_is_one() -> None:
    assert names_of_used_claims(access_with(TEACHERS)) == {
        *("homeroom_role", "homeroom_schools", "sourced_id", "groups")
    }
    assert describe_claims([]) == "none"
    assert describe_claims(["sub", "groups"]) == "groups, sub"
    strange = ["made.up@example.org", "a b", "x" * 101, "https://x.example/roles"]
    assert describe_claims(strange) == "https://x.example/roles, 3 more"
    assert describe_claims([f"c{n:03}" for n in range(60)]).endswith("c049, 10 more")


def test_whom_a_group_makes_a_teacher_has_their_other_roles_without_being_one() -> None:
    mapped = access_with(TEACHERS, HEADS)
    given = claims(groups=["Teaching staff", 7])
    found = parse_claims(mapped, given, SCHOOLS)
    assert found.roles == {Role.SCHOOL_LEADER}
    assert found.sourced_id is None
    known = parse_claims(mapped, {**given, "sourced_id": "t-1"}, SCHOOLS)
    assert known.roles == {Role.TEACHER, Role.SCHOOL_LEADER}
    assert known.without_teacher == {Role.SCHOOL_LEADER}
    for alone in (claims(groups="Teaching staff"), {**given, "homeroom_role": "teacher"}):
        with pytest.raises(TeacherUnknown):
            parse_claims(mapped, alone, SCHOOLS)
    named = {**given, "homeroom_role": "teacher", "sourced_id": "t-1"}
    assert parse_claims(mapped, named, SCHOOLS).without_teacher == frozenset()
