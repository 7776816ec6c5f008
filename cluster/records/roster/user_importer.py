"""Users of a roster into the records: sealed names, roles at schools, and who speaks for whom.

A user is never deleted, because registers and consents speak of the id; who is no longer in the
roster is switched off (`enabled`), and back on when the roster has them again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from cluster.records.db.models import Guardian, User, UserOrg, new_id
from cluster.records.repos.people import open_details, seal_details
from cluster.records.roster.csv_cells import quoted
from cluster.records.roster.import_result import RowCounts, reject_mass_removal
from cluster.records.roster.oneroster import OneRoster
from cluster.records.roster.oneroster_rows import STUDENT, DeletedRow, RoleLine, UserLine
from cluster.records.roster.upsert import chunks
from cluster.security.keys import KeyStore

OrgRole: TypeAlias = tuple[str, str]
"""An org and the role there."""


class StoredUser(NamedTuple):
    """A user of the records, without what tells who it is."""

    id: str
    role: str
    enabled: bool


@dataclass(slots=True)
class _Stated:
    """What the roster says of ties: of users by id, of roles that ended."""

    orgs: dict[str, tuple[OrgRole, ...]]
    ended: set[tuple[str, str, str]]
    agents: dict[str, tuple[str, tuple[str, ...], int]]


class UserImporter:
    """Imports users, roles and ties of one roster.

    Args:
        session: Within the transaction of the import.
        keys: They seal names.
        source: The roster.
        known_orgs: Orgs that rows may refer to.
        counts: By kind: `users`, `roles`, `guardians`.
    """

    def __init__(
        self,
        session: Session,
        keys: KeyStore,
        source: OneRoster,
        known_orgs: set[str],
        counts: dict[str, RowCounts],
    ) -> None:
        self._session = session
        self._keys = keys
        self._source = source
        self._known_orgs = known_orgs
        self._counts = counts
        query = select(User.sourced_id, User.id, User.role, User.enabled)
        self.users = {
            sourced_id: StoredUser(user_id, role, enabled)
            for sourced_id, user_id, role, enabled in session.execute(query)
        }
        self._enabled_before = sum(known.enabled for known in self.users.values())
        self._gone: set[str] = set()
        self._stated = _Stated({}, set(), {})

    def run(self) -> None:
        """Read users and roles, and write them; nobody is switched off yet."""
        roles = self._read_roles()
        for chunk in chunks(self._with_roles(roles)):
            self._put([*chunk])
        for sourced_id, lines in roles.items():
            self._put_roles_alone(sourced_id, lines)
        self._put_guardians()
        self._put_orgs()

    def referable(self) -> dict[str, str]:
        """Ids by sourced id of those whom other rows may refer to."""
        if not self._source.replaces("users"):
            return {sourced_id: known.id for sourced_id, known in self.users.items()}
        seen = self._source.seen["users"]
        return {sourced_id: self.users[sourced_id].id for sourced_id in seen.keys() & self.users}

    def switch_off(self, *, allow_many: bool) -> None:
        """Switch off who is gone: said to be, or absent from a whole list."""
        absent: set[str] = set()
        if self._source.replaces("users"):
            absent = self.users.keys() - self._source.seen["users"].keys()
        absent = {sourced_id for sourced_id in absent if self.users[sourced_id].enabled}
        if not allow_many:
            reject_mass_removal("users", self._enabled_before, len(absent))
        off = [self.users[s].id for s in sorted(absent | self._gone) if s in self.users]
        for chunk in chunks(off):
            self._session.execute(
                update(User).where(User.id.in_(chunk), User.enabled).values(enabled=False),
                execution_options={"synchronize_session": False},
            )
        gone = {s for s in self._gone if s in self.users and self.users[s].enabled}
        self._counts["users"].removed += len(absent | gone)

    def _read_roles(self) -> dict[str, list[RoleLine]]:
        """Roles of 1.2 by the user's sourced id."""
        roles: dict[str, list[RoleLine]] = {}
        for row in self._source.roles():
            if row.org_sourced_id in self._known_orgs or row.is_gone:
                roles.setdefault(row.user_sourced_id, []).append(row)
            else:
                self._source.reject(
                    "roles", row.line, "orgSourcedId", f"no org is {quoted(row.org_sourced_id)}"
                )
        return roles

    def _with_roles(self, roles: dict[str, list[RoleLine]]) -> Iterator[tuple[UserLine, str]]:
        """Users with the role that they have; takes their lines out of `roles`."""
        for row in self._source.users():
            if isinstance(row, DeletedRow):
                self._gone.add(row.sourced_id)
                continue
            unknown = [org for org in row.org_sourced_ids if org not in self._known_orgs]
            if unknown:
                self._source.reject(
                    "users", row.line, "orgSourcedIds", f"no org is {quoted(unknown[0])}"
                )
                continue
            lines = roles.get(row.sourced_id, [])
            role = row.role or _role_of(lines) or self._role_before(row.sourced_id)
            if role is None:
                self._source.reject("users", row.line, None, "has no role in roles.csv")
                continue
            known = self.users.get(row.sourced_id)
            user_id = known.id if known else new_id()
            if row.role is not None:
                self._stated.orgs[user_id] = tuple((org, role) for org in row.org_sourced_ids)
            elif lines:
                self._state_roles(user_id, roles.pop(row.sourced_id), known)
            agents = row.agent_sourced_ids if role == STUDENT else ()
            self._stated.agents[user_id] = (row.sourced_id, agents, row.line)
            self.users[row.sourced_id] = StoredUser(user_id, role, row.enabled)
            yield row, "" if known is None else known.role

    def _role_before(self, sourced_id: str) -> str | None:
        known = self.users.get(sourced_id)
        return known.role if known else None

    def _put(self, rows: list[tuple[UserLine, str]]) -> None:
        """Write users; the second of each pair is the role they had, empty for new ones."""
        there = [self.users[row.sourced_id].id for row, was in rows if was]
        query = select(User.id, User.enabled, User.sealed).where(User.id.in_(there))
        old = {row.id: (row.enabled, row.sealed) for row in self._session.execute(query)}
        new, changed = [], []
        for row, was in rows:
            user_id, role, enabled = self.users[row.sourced_id]
            if user_id not in old:
                sealed = seal_details(self._keys, user_id, row.details)
                new.append(
                    {
                        "id": user_id,
                        "sourced_id": row.sourced_id,
                        "role": role,
                        "enabled": enabled,
                        "sealed": sealed,
                    }
                )
                continue
            was_enabled, sealed = old[user_id]
            same = open_details(self._keys, User(id=user_id, sealed=sealed)) == row.details
            if not same or was != role or was_enabled != enabled:
                sealed = sealed if same else seal_details(self._keys, user_id, row.details)
                changed.append({"id": user_id, "role": role, "enabled": enabled, "sealed": sealed})
        if new:
            self._session.execute(insert(User), new)
        if changed:
            self._session.execute(update(User), changed)
        counts = self._counts["users"]
        counts.added += len(new)
        counts.changed += len(changed)
        counts.unchanged += len(rows) - len(new) - len(changed)

    def _put_roles_alone(self, sourced_id: str, lines: list[RoleLine]) -> None:
        """Roles of a user who has no row of their own in this roster."""
        known = self.users.get(sourced_id)
        if known is None:
            for line in lines:
                if not line.is_gone:
                    reason = f"no user is {quoted(sourced_id)}"
                    self._source.reject("roles", line.line, "userSourcedId", reason)
            return
        self._state_roles(known.id, lines, known)
        role = _role_of(lines)
        if role is not None and role != known.role:
            self._session.execute(update(User), [{"id": known.id, "role": role}])
            self.users[sourced_id] = known._replace(role=role)
            self._counts["users"].changed += 1

    def _state_roles(self, user_id: str, lines: list[RoleLine], known: StoredUser | None) -> None:
        """Take down ties of 1.2; a new primary role in a delta ends the one before at that org."""
        self._stated.orgs[user_id] = tuple(
            dict.fromkeys((row.org_sourced_id, row.role) for row in lines if not row.is_gone)
        )
        for row in lines:
            if row.is_gone:
                self._stated.ended.add((user_id, row.org_sourced_id, row.role))
            elif known is not None and row.is_primary and row.role != known.role:
                self._stated.ended.add((user_id, row.org_sourced_id, known.role))

    def _put_orgs(self) -> None:
        """Write who has which role where."""
        is_1_1 = self._source.version == "1.1"
        replaces_all = self._source.replaces("users" if is_1_1 else "roles")
        stated = self._stated.orgs
        left = {user_id: set(ties) for user_id, ties in stated.items()}
        over = []
        query = select(UserOrg.user_id, UserOrg.org_sourced_id, UserOrg.role)
        counts = self._counts["roles"]
        for user_id, org, role in self._session.execute(query):
            if (org, role) in stated.get(user_id, ()):
                left[user_id].discard((org, role))
                counts.unchanged += 1
            elif (
                replaces_all
                or (is_1_1 and user_id in stated)
                or (user_id, org, role) in self._stated.ended
            ):
                over.append((user_id, org, role))
        for chunk in chunks(over):
            key = tuple_(UserOrg.user_id, UserOrg.org_sourced_id, UserOrg.role)
            self._session.execute(
                delete(UserOrg).where(key.in_(chunk)),
                execution_options={"synchronize_session": False},
            )
        for new in chunks(
            (user_id, *tie) for user_id, ties in left.items() for tie in sorted(ties)
        ):
            names = ("user_id", "org_sourced_id", "role")
            rows = [dict(zip(names, row, strict=True)) for row in new]
            self._session.execute(insert(UserOrg), rows)
            counts.added += len(rows)
        counts.removed += len(over)

    def _put_guardians(self) -> None:
        """Write who speaks for whom, of the students who have a row."""
        wanted, unsure = self._guardians()
        left = {student_id: set(guardians) for student_id, guardians in wanted.items()}
        over = []
        counts = self._counts["guardians"]
        query = select(Guardian.student_id, Guardian.guardian_id)
        for student_id, guardian_id in self._session.execute(query):
            if guardian_id in wanted.get(student_id, ()):
                left[student_id].discard(guardian_id)
                counts.unchanged += 1
            elif student_id in self._stated.agents and student_id not in unsure:
                over.append((student_id, guardian_id))
        for chunk in chunks(over):
            key = tuple_(Guardian.student_id, Guardian.guardian_id)
            self._session.execute(
                delete(Guardian).where(key.in_(chunk)),
                execution_options={"synchronize_session": False},
            )
        ties = ((student, guardian) for student, all_of in left.items() for guardian in all_of)
        for new in chunks(ties):
            rows = [{"student_id": student, "guardian_id": guardian} for student, guardian in new]
            self._session.execute(insert(Guardian), rows)
            counts.added += len(rows)
        counts.removed += len(over)

    def _guardians(self) -> tuple[dict[str, tuple[str, ...]], set[str]]:
        """Guardians by student; and students of whom one is unclear, who lose none."""
        wanted: dict[str, tuple[str, ...]] = {}
        unsure: set[str] = set()
        referable = self.referable()
        for student_id, (_, agents, line) in self._stated.agents.items():
            found = []
            for agent in agents:
                reason = self._against(agent, referable)
                if reason is None:
                    found.append(referable[agent])
                else:
                    unsure.add(student_id)
                    reason = f"{reason}; the user is imported, this tie is not"
                    self._source.reject("users", line, "agentSourcedIds", reason)
            if found:
                wanted[student_id] = tuple(found)
        return wanted, unsure

    def _against(self, agent: str, referable: dict[str, str]) -> str | None:
        """Why somebody cannot speak for a student."""
        if agent not in referable:
            return f"no user is {quoted(agent)}"
        if self.users[agent].role == STUDENT:
            return f"{quoted(agent)} is a student, who cannot speak for another"
        return None


def _role_of(lines: Iterable[RoleLine]) -> str | None:
    """The primary role; the first of any where none is primary."""
    active = [row for row in lines if not row.is_gone]
    primary = [row.role for row in active if row.is_primary]
    return next(iter([*primary, *(row.role for row in active)]), None)
