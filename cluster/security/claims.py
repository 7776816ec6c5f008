"""OpenID Connect claims, parsed strictly to roles.

    claims of an id_token, and of userinfo ─┬─ oidc_role_claim ─┐
                                            └─ [[access.map]] ──┴─> roles ─> OidcIdentity
    OidcIdentity ─> (a teacher is looked up in the roster) ─> Principal

Unknown roles are ignored. Sign-in is denied without a known role, and if a role lacks what belongs
to it (a school leader's schools, a teacher's sourcedId). Groups are coarse: whom a group alone
makes a teacher (a head among the staff) has their other roles, although the roster knows no such
teacher.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster.errors import RoleMissing, SchoolMissing, TeacherUnknown
from cluster.security.roles import Role
from cluster.settings import AccessMapping, AccessSettings

PLAIN_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._|:-]{0,63}")
PLAIN_CLAIM_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
SEPARATORS: Final = re.compile(r"[\s,;]+")
"""Between ids of schools in one text; no id contains one."""

MAX_CLAIM_NAMES: Final = 50
HINT: Final = "The identity provider's administrator assigns roles there."


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """An identity that the provider has signed.

    Attributes:
        subject: Stable, and never a person's name: the provider's `sub`, or its hash.
        roles: At least one.
        schools: Ids of a school leader's schools; empty for other roles.
        sourced_id: A teacher's key in the roster; None for other roles.
        without_teacher: Their roles if the roster has no such teacher; none: they are denied.
    """

    subject: str
    roles: frozenset[Role]
    schools: frozenset[str]
    sourced_id: str | None
    without_teacher: frozenset[Role] = frozenset()


def parse_claims(
    access: AccessSettings, claims: Mapping[str, Any], schools: Collection[str]
) -> OidcIdentity:
    """Parse verified claims.

    Args:
        access: The names of the claims, and the roles that other claims give.
        claims: Of the id_token, and of the userinfo endpoint.
        schools: Ids of the schools in the settings.

    Raises:
        RoleMissing: They hold no role.
        SchoolMissing: They make somebody a school leader, of no school in the settings.
        TeacherUnknown: They make somebody a teacher, without a sourcedId.
    """
    trusted = _without_unverified_email(claims)
    mapped = [one for one in access.map if one.value in _texts(trusted.get(one.claim))]
    role_names = {role.value for role in Role}
    named = _texts(trusted.get(access.oidc_role_claim)) & role_names
    roles = frozenset(Role(one) for one in named | {one.role for one in mapped})
    if not roles:
        raise RoleMissing("the identity provider gives you no role here.", hint=HINT)
    led_schools: frozenset[str] = frozenset()
    if Role.SCHOOL_LEADER in roles:
        claimed = _ids_in(_texts(trusted.get(access.oidc_schools_claim)))
        led_schools = frozenset((claimed | _schools_of(mapped)) & set(schools))
        if not led_schools:
            raise SchoolMissing("the identity provider names no school of yours here.", hint=HINT)
    sourced_id = None
    others = frozenset() if Role.TEACHER in named else roles - {Role.TEACHER}
    if Role.TEACHER in roles:
        sourced_id = _text(trusted.get(access.oidc_user_claim)) or None
        if sourced_id is None and not others:
            raise TeacherUnknown(
                "the identity provider does not say which teacher you are.", hint=HINT
            )
        roles = roles if sourced_id else others
    return OidcIdentity(_subject(trusted), roles, led_schools, sourced_id, others)


def names_of_used_claims(access: AccessSettings) -> frozenset[str]:
    """Return the names of all claims that `parse_claims` reads, besides `sub`."""
    named = (access.oidc_role_claim, access.oidc_schools_claim, access.oidc_user_claim)
    return frozenset({*named, *(one.claim for one in access.map)})


def describe_claims(claims: Collection[str]) -> str:
    """Return the names of claims for the log, sorted; never a value.

    A name that is not plain text, which could carry a value, is counted and not written.
    """
    plain = sorted(name for name in claims if PLAIN_CLAIM_NAME.fullmatch(name))
    shown = plain[:MAX_CLAIM_NAMES]
    others = len(claims) - len(shown)
    return ", ".join([*shown, f"{others} more"] if others else shown) or "none"


def _without_unverified_email(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims without an address that the provider has not checked."""
    if claims.get("email_verified") in (False, "false"):
        return {name: value for name, value in claims.items() if name != "email"}
    return claims


def _subject(claims: Mapping[str, Any]) -> str:
    subject = str(claims["sub"])
    if not PLAIN_SUBJECT.fullmatch(subject):  # an e-mail address, for example, names a person
        subject = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"oidc:{subject}"


def _schools_of(mapped: Iterable[AccessMapping]) -> frozenset[str]:
    return frozenset(school for one in mapped for school in one.schools)


def _ids_in(texts: Iterable[str]) -> set[str]:
    return {one for text in texts for one in SEPARATORS.split(text) if one}


def _texts(claim: Any) -> set[str]:
    values = claim if isinstance(claim, list) else [claim]
    return {text for text in map(_text, values) if text is not None}


def _text(value: Any) -> str | None:
    """Return a text or a whole number as text; None of anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None
