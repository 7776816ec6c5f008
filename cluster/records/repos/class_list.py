"""Classes and their students on a day."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from cluster.records.db.models import Enrollment, Org, SchoolClass, User
from cluster.records.repos.people import class_of, enrolled_on, members, names_of
from cluster.security.keys import KeyStore


@dataclass(frozen=True, slots=True)
class ClassSize:
    """A class and its number of students."""

    sourced_id: str
    title: str
    school: str
    students: int


@dataclass(frozen=True, slots=True)
class Member:
    """A student of a class, by name."""

    id: str
    sourced_id: str
    name: str


def class_sizes(session: Session, day: date) -> Sequence[ClassSize]:
    """Return the classes of the roster with their number of students on a day, by title."""
    query = (
        select(
            SchoolClass.sourced_id,
            SchoolClass.title,
            Org.name,
            func.count(User.id.distinct()),
        )
        .join(Org, Org.sourced_id == SchoolClass.school_sourced_id)
        .outerjoin(
            Enrollment,
            and_(
                Enrollment.class_sourced_id == SchoolClass.sourced_id,
                Enrollment.role == "student",
                enrolled_on(day),
            ),
        )
        .outerjoin(User, and_(User.id == Enrollment.user_id, ~User.gone))
        .where(~SchoolClass.gone)
        .group_by(SchoolClass.sourced_id, SchoolClass.title, Org.name)
        .order_by(SchoolClass.title, SchoolClass.sourced_id)
    )
    return [ClassSize(*row) for row in session.execute(query)]


def students_of(session: Session, keys: KeyStore, class_id: str, day: date) -> Sequence[Member]:
    """Return the students of a class on a day, by name; the caller records the access (R9).

    Raises:
        NotFound: There is no such class.
        KeyUnusable: A name cannot be decrypted.
    """
    class_of(session, class_id)
    ids = members(session, class_id, "student", day)
    names = names_of(session, keys, ids)
    sourced = select(User.id, User.sourced_id).where(User.id.in_(ids))
    found = [
        Member(user_id, sourced_id, names[user_id].display_name)
        for user_id, sourced_id in session.execute(sourced)
    ]
    return sorted(found, key=lambda one: (one.name, one.sourced_id))


def classes_of(session: Session, students: Iterable[str], day: date) -> dict[str, frozenset[str]]:
    """Return the classes in which each user is a student on a day."""
    rows = session.execute(
        select(Enrollment.user_id, Enrollment.class_sourced_id)
        .join(User, User.id == Enrollment.user_id)
        .join(SchoolClass, SchoolClass.sourced_id == Enrollment.class_sourced_id)
        .where(
            Enrollment.user_id.in_(list(students)),
            Enrollment.role == "student",
            ~User.gone,
            ~SchoolClass.gone,
            enrolled_on(day),
        )
    )
    found: dict[str, set[str]] = defaultdict(set)
    for user_id, class_id in rows:
        found[user_id].add(class_id)
    return {user_id: frozenset(classes) for user_id, classes in found.items()}
