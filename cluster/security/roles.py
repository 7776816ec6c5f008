"""Who may come in: five roles, and whoever comes in one of them."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the school. Each sees what the role needs, and nothing else."""

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
    """Somebody who has come in.

    Attributes:
        name: Stable name for the audit log and rate limits: `users.id` of a teacher, else a
            subject such as `operator:anna`; never a person's name.
        roles: At least one.
        schools: Ids of the schools that a leader leads; empty for other roles.
        user_id: `users.id` in the records, for teachers.
        sign_in_id: The token or session that it came with.
    """

    name: str
    roles: frozenset[Role]
    schools: frozenset[str] = frozenset()
    user_id: str | None = None
    sign_in_id: str = ""

    def has(self, role: Role) -> bool:
        """Whether it is in this role."""
        return role in self.roles
