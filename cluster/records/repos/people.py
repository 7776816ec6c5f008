"""People: their names, encrypted with the roster's key, their classes and guardians.

The rest of Homeroom knows people by `users.id`. Names are decrypted here and nowhere else; a caller
that shows one to a person appends an entry to the audit log (R9, `cluster.security.audit`).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from cluster.errors import NotFound
from cluster.records.db.models import (
    AcademicSession,
    Course,
    Enrollment,
    Guardian,
    Org,
    SchoolClass,
    User,
)
from cluster.records.repos.roster_version import raise_version
from cluster.security.keys import KeyStore, seal, unseal

ROSTER_KEY = "roster"


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """Identity data of a person, encrypted in the records."""

    given_name: str
    family_name: str
    preferred_given_name: str | None = None
    identifier: str | None = None

    @property
    def display_name(self) -> str:
        """The preferred or given name, and the family name."""
        return f"{self.preferred_given_name or self.given_name} {self.family_name}".strip()


def seal_details(keys: KeyStore, user_id: str, details: PersonDetails) -> bytes:
    """Encrypt a person's details, authenticated with their id."""
    _, key = keys.current(ROSTER_KEY)
    plain = json.dumps(asdict(details), ensure_ascii=False, separators=(",", ":")).encode()
    return seal(key, plain, f"users/{user_id}")


def open_details(keys: KeyStore, user: User) -> PersonDetails:
    """Decrypt a person's details.

    Raises:
        KeyUnusable: The row was changed, or belongs to another person's id.
    """
    _, key = keys.current(ROSTER_KEY)
    return PersonDetails(**json.loads(unseal(key, user.sealed, f"users/{user.id}")))


def names_of(session: Session, keys: KeyStore, ids: Iterable[str]) -> Mapping[str, PersonDetails]:
    """Return details by id, of users who are still in the records."""
    users = session.scalars(select(User).where(User.id.in_(list(ids))))
    return {user.id: open_details(keys, user) for user in users}


def user_of(session: Session, sourced_id: str, role: str | None = None) -> User:
    """Return a user by the school system's key.

    Raises:
        NotFound: There is none, or none with this role.
    """
    user = session.scalar(select(User).where(User.sourced_id == sourced_id))
    if user is None or (role is not None and user.role != role):
        raise NotFound(
            f"there is no {role or 'user'} {sourced_id!r} in the roster.",
            hint="Ids are OneRoster's sourcedId.",
        )
    return user


def class_of(session: Session, sourced_id: str) -> SchoolClass:
    """Return a class.

    Raises:
        NotFound: There is none.
    """
    found = session.get(SchoolClass, sourced_id)
    if found is None:
        raise NotFound(f"there is no class {sourced_id!r} in the roster.")
    return found


def titles_of(session: Session, classes: Iterable[str]) -> dict[str, str]:
    """Return the titles of some classes by id, in one query."""
    query = select(SchoolClass.sourced_id, SchoolClass.title)
    rows = session.execute(query.where(SchoolClass.sourced_id.in_(sorted(set(classes)))))
    return {row.sourced_id: row.title for row in rows}


def classes_taught_by(session: Session, user_id: str) -> frozenset[str]:
    """Return the classes that a user teaches on any day; `members` answers for one day."""
    query = select(Enrollment.class_sourced_id).where(
        Enrollment.user_id == user_id, Enrollment.role == "teacher"
    )
    return frozenset(session.scalars(query))


def enrolled_on(day: date) -> ColumnElement[bool]:
    """Return the condition that an enrollment is in force; OneRoster's `endDate` is exclusive."""
    return and_(
        or_(Enrollment.begin_date.is_(None), Enrollment.begin_date <= day),
        or_(Enrollment.end_date.is_(None), Enrollment.end_date > day),
    )


def members(session: Session, class_id: str, role: str, day: date) -> list[str]:
    """Return the ids of the users in a class on a day with a role, in a fixed order."""
    query = (
        select(Enrollment.user_id)
        .join(User, User.id == Enrollment.user_id)
        .where(
            Enrollment.class_sourced_id == class_id,
            Enrollment.role == role,
            ~User.gone,
            enrolled_on(day),
        )
        .distinct()
        .order_by(Enrollment.user_id)
    )
    return list(session.scalars(query))


def guardians_of(session: Session, students: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the ids of each student's guardians, whether they have an account or not."""
    rows = session.execute(
        select(Guardian.student_id, Guardian.guardian_id)
        .join(User, User.id == Guardian.guardian_id)
        .where(Guardian.student_id.in_(list(students)), ~User.gone)
    )
    found: dict[str, set[str]] = defaultdict(set)
    for student_id, guardian_id in rows:
        found[student_id].add(guardian_id)
    return {student_id: frozenset(ids) for student_id, ids in found.items()}


def remove_user(session: Session, user: User) -> None:
    """Delete a user with their enrollments, guardians, templates and badge."""
    session.delete(user)
    session.flush()
    raise_version(session)


def sourced_ids_of(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Return the school system's keys by id."""
    query = select(User.id, User.sourced_id).where(User.id.in_(list(ids)))
    return {row.id: row.sourced_id for row in session.execute(query)}


def section_of(session: Session, class_id: str) -> dict[str, str | int | None]:
    """Return Ed-Fi's section of a class; a value is None where the roster has none."""
    found = class_of(session, class_id)
    school = session.get(Org, found.school_sourced_id)
    course = session.get(Course, found.course_sourced_id) if found.course_sourced_id else None
    terms = [session.get(AcademicSession, term) for term in found.term_sourced_ids]
    term = next((term for term in terms if term is not None), None)
    number = school.identifier if school and school.identifier else found.school_sourced_id
    year = (term.school_year or str(term.end_date.year)) if term else None
    return {
        "localCourseCode": course.course_code if course else None,
        "schoolId": int(number) if number.isdecimal() else None,
        "schoolYear": int(year) if year and year.isdecimal() else None,
        "sectionIdentifier": found.class_code or found.sourced_id,
        "sessionName": term.title if term else None,
    }


def students_of_class(session: Session, class_id: str, day: date) -> list[str]:
    """Return the ids of a class's students on a day.

    Raises:
        NotFound: There is no such class.
    """
    return members(session, class_of(session, class_id).sourced_id, "student", day)


def first_guardian_of(session: Session, student: str) -> str:
    """Return the `sourced_id` of a guardian of a student, given by `sourced_id`.

    Raises:
        NotFound: There is no such student, or they have no guardian.
    """
    child = user_of(session, student, "student")
    ids = sorted(guardians_of(session, [child.id]).get(child.id, frozenset()))
    if not ids:
        raise NotFound(f"the roster names no guardian of {student!r}.")
    return sourced_ids_of(session, ids[:1])[ids[0]]
