"""The five roles, and the principal: an authenticated caller with at least one of them."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A role. Each sees what it needs, and nothing else."""

    TEACHER = "teacher"
    """Own classes, now: rooms of own lessons, own registers."""
    SCHOOL_LEADER = "school_leader"
    """Rooms and lessons of own schools; never a person."""
    ANALYST = "analyst"
    """The warehouse alone."""
    DATA_PROTECTION = "data_protection"
    """Policy, consents, erasures, the audit log."""
    OPERATOR = "operator"
    """Cameras, readers, jobs; no identity."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        name: Stable name for the audit log and rate limits: `users.id` of a teacher, else a
            subject such as `operator:anna`; never a person's name.
        roles: At least one.
        schools: Ids of a school leader's schools; empty for other roles.
        user_id: `users.id` in the records, for teachers.
        sign_in_id: The id of the token or session.
    """

    name: str
    roles: frozenset[Role]
    schools: frozenset[str] = frozenset()
    user_id: str | None = None
    sign_in_id: str = ""

    def has(self, role: Role) -> bool:
        """Whether the principal has a role."""
        return role in self.roles
