"""OpenID Connect claims, parsed strictly to roles.

    claims of an id_token ─► OidcIdentity ─► (a teacher is looked up in the roster) ─► Principal

Unknown roles are ignored. Sign-in is denied without a known role, and if a role lacks what belongs
to it (a school leader's schools, a teacher's sourcedId).
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import NotAllowed
from cluster.security.roles import Role
from cluster.settings import AccessSettings

PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._|:-]{0,63}")
HINT = "The identity provider's administrator assigns roles there."


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """An identity that the provider has signed.

    Attributes:
        subject: Stable, and never a person's name: the provider's `sub`, or its hash.
        roles: At least one.
        schools: Ids of a school leader's schools; empty for other roles.
        sourced_id: A teacher's key in the roster; None for other roles.
    """

    subject: str
    roles: frozenset[Role]
    schools: frozenset[str]
    sourced_id: str | None


def parse_claims(
    access: AccessSettings, claims: Mapping[str, Any], schools: Collection[str]
) -> OidcIdentity:
    """Parse the claims of a verified id_token.

    Args:
        access: The names of the claims.
        claims: Of the token.
        schools: Ids of the schools in the settings.

    Raises:
        NotAllowed: They hold no role, or a role without what belongs to it.
    """
    role_names = {role.value for role in Role}
    roles = frozenset(Role(one) for one in _texts(claims.get(access.oidc_role_claim)) & role_names)
    if not roles:
        raise NotAllowed("the identity provider gives you no role here.", hint=HINT)
    led_schools: frozenset[str] = frozenset()
    if Role.SCHOOL_LEADER in roles:
        led_schools = frozenset(_texts(claims.get(access.oidc_schools_claim)) & set(schools))
        if not led_schools:
            raise NotAllowed("the identity provider names no school of yours here.", hint=HINT)
    sourced_id = None
    if Role.TEACHER in roles:
        sourced_id = claims.get(access.oidc_user_claim)
        if not isinstance(sourced_id, str) or not sourced_id:
            raise NotAllowed("the identity provider does not say which teacher you are.", hint=HINT)
    return OidcIdentity(_subject(claims), roles, led_schools, sourced_id)


def _subject(claims: Mapping[str, Any]) -> str:
    subject = str(claims["sub"])
    if not PLAIN_SUBJECT.fullmatch(subject):  # an e-mail address, for example, names a person
        subject = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"oidc:{subject}"


def _texts(claim: Any) -> set[str]:
    if isinstance(claim, str):
        return {claim}
    return {one for one in claim if isinstance(one, str)} if isinstance(claim, list) else set()
