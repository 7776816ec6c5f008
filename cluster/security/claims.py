"""What an identity provider says of somebody, read strictly: claims to a role.

    claims of an id_token ─► Claimed ─► (a teacher is looked up in the roster) ─► Principal

Unknown roles are passed over; somebody without a known role stays outside, and so does one whose
role lacks what goes with it (a leader's schools, a teacher's sourcedId).
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
HINT = "Whoever runs the identity provider gives roles to people there."


@dataclass(frozen=True, slots=True)
class Claimed:
    """What somebody claims to be; the provider has signed it.

    Attributes:
        subject: Stable name, never a person's: the provider's `sub`, or its hash.
        roles: At least one.
        schools: Ids of a leader's schools; empty for others.
        sourced_id: A teacher's key in the roster; None for others.
    """

    subject: str
    roles: frozenset[Role]
    schools: frozenset[str]
    sourced_id: str | None


def read_claims(
    access: AccessSettings, claims: Mapping[str, Any], schools: Collection[str]
) -> Claimed:
    """Read the claims of a verified id_token.

    Args:
        access: Names the claims.
        claims: Of the token.
        schools: Ids of the schools that the settings know.

    Raises:
        NotAllowed: They give no role, or a role without what goes with it.
    """
    known = {role.value for role in Role}
    roles = frozenset(Role(one) for one in _texts(claims.get(access.oidc_role_claim)) & known)
    if not roles:
        raise NotAllowed("the identity provider gives you no role here.", hint=HINT)
    led: frozenset[str] = frozenset()
    if Role.SCHOOL_LEADER in roles:
        led = frozenset(_texts(claims.get(access.oidc_schools_claim)) & set(schools))
        if not led:
            raise NotAllowed("the identity provider names no school of yours here.", hint=HINT)
    sourced_id = None
    if Role.TEACHER in roles:
        sourced_id = claims.get(access.oidc_user_claim)
        if not isinstance(sourced_id, str) or not sourced_id:
            raise NotAllowed("the identity provider does not say which teacher you are.", hint=HINT)
    return Claimed(_subject(claims), roles, led, sourced_id)


def _subject(claims: Mapping[str, Any]) -> str:
    subject = str(claims["sub"])
    if not PLAIN_SUBJECT.fullmatch(subject):  # an e-mail address, say, would name a person
        subject = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"oidc:{subject}"


def _texts(claim: Any) -> set[str]:
    if isinstance(claim, str):
        return {claim}
    return {one for one in claim if isinstance(one, str)} if isinstance(claim, list) else set()
