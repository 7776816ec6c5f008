"""Users of a roster into the records: encrypted names, roles at schools, and guardians.

A user is never deleted, because registers and consents refer to the id; a user who is no longer in
the roster is `gone`, until the roster has them again. `enabled` is the roster's own `enabledUser`:
whether a person has an account, and may sign in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.records.db.models import Guardian, User, UserOrg, new_id
from cluster.records.repos.people import open_details, seal_details
from cluster.records.roster.csv_cells import quoted
from cluster.records.roster.import_result import IMPORT_COMMAND, RowCounts, reject_mass_removal
from cluster.records.roster.oneroster import OneRoster
from cluster.records.roster.oneroster_rows import (
    STUDENT,
    DeletedRow,
    RosterRole,
    RosterUser,
    RosterUserWithRole,
)
from cluster.records.roster.staging import StagedChanges, chunks
from cluster.security.keys import KeyStore

OrgRole: TypeAlias = tuple[str, str]
"""An org and the role there."""


class StoredUser(NamedTuple):
    """A user of the records, without identity data."""

    id: str
    role: str
    enabled: bool
    gone: bool


@dataclass(slots=True)
class _RosterRelations:
    """Relations that the roster states.

    Attributes:
        org_roles: By user id.
        ended: User id, org and role that are to be removed.
        agents: By user id: the sourcedId, those of the guardians, and the line.
    """

    org_roles: dict[str, tuple[OrgRole, ...]]
    ended: set[tuple[str, str, str]]
    agents: dict[str, tuple[str, tuple[str, ...], int]]


class UserImporter:
    """Imports the users, roles and guardians of one roster.

    Args:
        session: The session that reads.
        staged: The changes to add to.
        keys: The keys that encrypt names.
        source: The roster.
        known_orgs: The orgs that rows may refer to.
        counts: Counts of `users`, `roles` and `guardians` to update.

    Attributes:
        users: The users by sourcedId, after what is staged.
        moved: The ids of students who leave or come back.
    """

    def __init__(
        self,
        session: Session,
        staged: StagedChanges,
        keys: KeyStore,
        source: OneRoster,
        known_orgs: set[str],
        counts: dict[str, RowCounts],
    ) -> None:
        self._session = session
        self._staged = staged
        self._keys = keys
        self._source = source
        self._known_orgs = known_orgs
        self._counts = counts
        query = select(User.sourced_id, User.id, User.role, User.enabled, User.gone)
        self.users = {
            sourced_id: StoredUser(user_id, role, enabled, gone)
            for sourced_id, user_id, role, enabled, gone in session.execute(query)
        }
        self.moved: set[str] = set()
        self._present_before = sum(not user.gone for user in self.users.values())
        self._deleted: set[str] = set()
        self._relations = _RosterRelations({}, set(), {})

    def run(self) -> None:
        """Read users and roles, and stage them; `mark_absent_gone` comes last."""
        roles = self._read_roles()
        for chunk in chunks(self._users_with_roles(roles)):
            self._write_users([*chunk])
        for sourced_id, rows in roles.items():
            self._apply_roles_without_user(sourced_id, rows)
        self._write_guardians()
        self._write_org_roles()

    def referable(self) -> dict[str, str]:
        """Return the ids, by sourcedId, of the users that other rows may refer to."""
        if not self._source.replaces("users"):
            return {sourced_id: user.id for sourced_id, user in self.users.items()}
        seen = self._source.seen["users"]
        return {sourced_id: self.users[sourced_id].id for sourced_id in seen.keys() & self.users}

    def mark_absent_gone(self, *, allow_many: bool) -> None:
        """Mark users as gone that the roster calls deleted, or that a complete list lacks."""
        present = {sourced_id for sourced_id, user in self.users.items() if not user.gone}
        absent: set[str] = set()
        if self._source.replaces("users"):
            absent = present - self._source.seen["users"].keys()
        if not allow_many:
            reject_mass_removal(
                "users",
                self._present_before,
                len(absent),
                where="users.csv",
                command=IMPORT_COMMAND,
            )
        leaving = sorted(absent | (self._deleted & present))
        for chunk in chunks(leaving):
            self._staged.mark_gone(User, [{"id": self.users[one].id} for one in chunk])
        self.moved |= {self.users[one].id for one in leaving if self.users[one].role == STUDENT}
        self._counts["users"].removed += len(leaving)

    def _read_roles(self) -> dict[str, list[RosterRole]]:
        """Return the rows of roles.csv (1.2) by the user's sourcedId."""
        roles: dict[str, list[RosterRole]] = {}
        for row in self._source.roles():
            if row.org_sourced_id in self._known_orgs or row.is_deleted:
                roles.setdefault(row.user_sourced_id, []).append(row)
            else:
                reason = f"no org is {quoted(row.org_sourced_id)}"
                self._source.reject("roles", row.line, "orgSourcedId", reason)
        return roles

    def _users_with_roles(
        self, roles: dict[str, list[RosterRole]]
    ) -> Iterator[tuple[RosterUser, str]]:
        """Yield users with the role they had, empty for new ones; pops their rows of `roles`."""
        for row in self._source.users():
            if isinstance(row, DeletedRow):
                self._deleted.add(row.sourced_id)
                continue
            own_roles = _own_roles(row)
            unknown = [org for org, _ in own_roles if org not in self._known_orgs]
            if unknown:
                reason = f"no org is {quoted(unknown[0])}"
                self._source.reject("users", row.line, "orgSourcedIds", reason)
                continue
            role_rows = roles.get(row.sourced_id, [])
            stored = self.users.get(row.sourced_id)
            role = _primary_role(row, role_rows) or (stored.role if stored else None)
            if role is None:
                self._source.reject("users", row.line, None, "has no role in roles.csv")
                continue
            user_id = stored.id if stored else new_id()
            if isinstance(row, RosterUserWithRole):
                self._relations.org_roles[user_id] = own_roles
            elif role_rows:
                self._add_org_roles(user_id, roles.pop(row.sourced_id), stored)
            agents = row.agent_sourced_ids if role == STUDENT else ()
            self._relations.agents[user_id] = (row.sourced_id, agents, row.line)
            if stored is not None and stored.gone and role == STUDENT:
                self.moved.add(user_id)
            self.users[row.sourced_id] = StoredUser(user_id, role, row.enabled, gone=False)
            yield row, "" if stored is None else stored.role

    def _write_users(self, rows: list[tuple[RosterUser, str]]) -> None:
        """Write users; the second of each pair is the role they had, empty for new ones."""
        existing = [self.users[row.sourced_id].id for row, role_before in rows if role_before]
        query = select(User.id, User.enabled, User.gone, User.sealed).where(User.id.in_(existing))
        before = {
            row.id: (row.enabled, row.gone, row.sealed) for row in self._session.execute(query)
        }
        new, changed = [], []
        for row, role_before in rows:
            user_id, role, enabled, _ = self.users[row.sourced_id]
            values = {
                "id": user_id,
                "sourced_id": row.sourced_id,
                "role": role,
                "enabled": enabled,
                "gone": False,
            }
            details = row.details
            if user_id not in before:
                new.append(values | {"sealed": seal_details(self._keys, user_id, details)})
                continue
            enabled_before, gone_before, sealed = before[user_id]
            is_same = open_details(self._keys, User(id=user_id, sealed=sealed)) == details
            if not is_same or gone_before or (role_before, enabled_before) != (role, enabled):
                sealed = sealed if is_same else seal_details(self._keys, user_id, details)
                changed.append(values | {"sealed": sealed})
        self._staged.add(User, new)
        self._staged.change(User, changed)
        counts = self._counts["users"]
        counts.added += len(new)
        counts.changed += len(changed)
        counts.unchanged += len(rows) - len(new) - len(changed)

    def _apply_roles_without_user(self, sourced_id: str, rows: list[RosterRole]) -> None:
        """Apply roles whose user has no row in this roster."""
        stored = self.users.get(sourced_id)
        if stored is None:
            for row in rows:
                if not row.is_deleted:
                    reason = f"no user is {quoted(sourced_id)}"
                    self._source.reject("roles", row.line, "userSourcedId", reason)
            return
        self._add_org_roles(stored.id, rows, stored)
        role = _first_role(rows)
        if role is not None and role != stored.role:
            sealed = self._session.scalars(select(User.sealed).where(User.id == stored.id)).one()
            values = stored._asdict() | {"sourced_id": sourced_id, "role": role, "sealed": sealed}
            self._staged.change(User, [values])
            self.users[sourced_id] = stored._replace(role=role)
            self._counts["users"].changed += 1

    def _add_org_roles(
        self, user_id: str, rows: list[RosterRole], stored: StoredUser | None
    ) -> None:
        """Add roles of 1.2; a new primary role in a delta ends the one before at that org."""
        self._relations.org_roles[user_id] = tuple(
            dict.fromkeys((row.org_sourced_id, row.role) for row in rows if not row.is_deleted)
        )
        for row in rows:
            if row.is_deleted:
                self._relations.ended.add((user_id, row.org_sourced_id, row.role))
            elif stored is not None and row.is_primary and row.role != stored.role:
                self._relations.ended.add((user_id, row.org_sourced_id, stored.role))

    def _write_org_roles(self) -> None:
        """Write who has which role at which org."""
        is_1_1 = self._source.version == "1.1"
        replaces_all = self._source.replaces("users" if is_1_1 else "roles")
        stated = self._relations.org_roles
        to_add = {user_id: set(org_roles) for user_id, org_roles in stated.items()}
        to_remove = []
        query = select(UserOrg.user_id, UserOrg.org_sourced_id, UserOrg.role)
        counts = self._counts["roles"]
        for user_id, org, role in self._session.execute(query):
            if (org, role) in stated.get(user_id, ()):
                to_add[user_id].discard((org, role))
                counts.unchanged += 1
            elif (
                replaces_all
                or (is_1_1 and user_id in stated)
                or (user_id, org, role) in self._relations.ended
            ):
                to_remove.append((user_id, org, role))
        names = ("user_id", "org_sourced_id", "role")
        for chunk in chunks(to_remove):
            self._staged.remove(UserOrg, [dict(zip(names, row, strict=True)) for row in chunk])
        for new in chunks(
            (user_id, *one) for user_id, org_roles in to_add.items() for one in sorted(org_roles)
        ):
            self._staged.add(UserOrg, [dict(zip(names, row, strict=True)) for row in new])
            counts.added += len(new)
        counts.removed += len(to_remove)

    def _write_guardians(self) -> None:
        """Write the guardians of the students who have a row."""
        stated, incomplete = self._guardians()
        to_add = {student_id: set(guardians) for student_id, guardians in stated.items()}
        to_remove = []
        counts = self._counts["guardians"]
        query = select(Guardian.student_id, Guardian.guardian_id)
        for student_id, guardian_id in self._session.execute(query):
            if guardian_id in stated.get(student_id, ()):
                to_add[student_id].discard(guardian_id)
                counts.unchanged += 1
            elif student_id in self._relations.agents and student_id not in incomplete:
                to_remove.append((student_id, guardian_id))
        names = ("student_id", "guardian_id")
        for chunk in chunks(to_remove):
            self._staged.remove(Guardian, [dict(zip(names, pair, strict=True)) for pair in chunk])
        pairs = ((student, guardian) for student, all_of in to_add.items() for guardian in all_of)
        for new in chunks(pairs):
            self._staged.add(Guardian, [dict(zip(names, pair, strict=True)) for pair in new])
            counts.added += len(new)
        counts.removed += len(to_remove)

    def _guardians(self) -> tuple[dict[str, tuple[str, ...]], set[str]]:
        """Return guardians by student, and students with an invalid one, who keep all they have."""
        guardians: dict[str, tuple[str, ...]] = {}
        incomplete: set[str] = set()
        referable = self.referable()
        for student_id, (_, agents, line) in self._relations.agents.items():
            valid = []
            for agent in agents:
                reason = self._reason_against(agent, referable)
                if reason is None:
                    valid.append(referable[agent])
                else:
                    incomplete.add(student_id)
                    reason = f"{reason}; the user is imported, this guardian is not"
                    self._source.reject("users", line, "agentSourcedIds", reason)
            if valid:
                guardians[student_id] = tuple(valid)
        return guardians, incomplete

    def _reason_against(self, agent: str, referable: dict[str, str]) -> str | None:
        """Return why a user cannot be a guardian, or None."""
        if agent not in referable:
            return f"no user is {quoted(agent)}"
        if self.users[agent].role == STUDENT:
            return f"{quoted(agent)} is a student, who cannot be a guardian"
        return None


def _own_roles(row: RosterUser) -> tuple[OrgRole, ...]:
    """Return the roles that users.csv itself states, in OneRoster 1.1."""
    if not isinstance(row, RosterUserWithRole):
        return ()
    return tuple((org, row.role) for org in row.org_sourced_ids)


def _primary_role(row: RosterUser, role_rows: list[RosterRole]) -> str | None:
    return row.role if isinstance(row, RosterUserWithRole) else _first_role(role_rows)


def _first_role(rows: Iterable[RosterRole]) -> str | None:
    """Return the primary role, or else the first of any."""
    active = [row for row in rows if not row.is_deleted]
    primary = [row.role for row in active if row.is_primary]
    return next(iter([*primary, *(row.role for row in active)]), None)
