"""The rows of OneRoster's CSV files, as far as Homeroom needs them, and how each is read.

Of a person: the names, the identifier, the role, the schools and who speaks for them; nothing else
is looked at.
"""

import re
from dataclasses import dataclass
from datetime import date

from cluster.records.repos.people import PersonDetails
from cluster.records.roster.csv_cells import CellError, CsvRow

GUARDIAN = "guardian"
STUDENT = "student"

ROLES = {
    "student": STUDENT,
    "teacher": "teacher",
    "guardian": GUARDIAN,
    "parent": GUARDIAN,
    "relative": GUARDIAN,
    "aide": "aide",
    "administrator": "administrator",
    "counselor": "counselor",
    "districtadministrator": "districtadministrator",
    "principal": "principal",
    "proctor": "proctor",
    "siteadministrator": "siteadministrator",
    "systemadministrator": "systemadministrator",
}
"""OneRoster's roles in lower case; all who speak for a student are guardians."""

EXTENSION_ROLE = re.compile(r"ext:[a-z0-9_.-]{1,28}")
STATUSES = {"active": True, "tobedeleted": False}


@dataclass(frozen=True, slots=True)
class DeletedRow:
    """A row that is to be deleted."""

    sourced_id: str
    line: int


@dataclass(frozen=True, slots=True)
class OrgLine:
    """A row of orgs.csv."""

    sourced_id: str
    name: str
    type: str
    identifier: str | None
    parent_sourced_id: str | None


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A row of academicSessions.csv."""

    sourced_id: str
    title: str
    type: str
    start_date: date
    end_date: date
    school_year: str | None


@dataclass(frozen=True, slots=True)
class CourseLine:
    """A row of courses.csv."""

    sourced_id: str
    title: str
    course_code: str | None


@dataclass(frozen=True, slots=True)
class ClassLine:
    """A row of classes.csv."""

    sourced_id: str
    line: int
    title: str
    class_code: str | None
    school_sourced_id: str
    course_sourced_id: str | None
    term_sourced_ids: tuple[str, ...]
    location: str | None


@dataclass(frozen=True, slots=True)
class UserLine:
    """A row of users.csv; 1.2 has role and orgs in roles.csv instead."""

    sourced_id: str
    line: int
    enabled: bool
    role: str | None
    org_sourced_ids: tuple[str, ...]
    details: PersonDetails
    agent_sourced_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A row of roles.csv (1.2)."""

    line: int
    user_sourced_id: str
    org_sourced_id: str
    role: str
    is_primary: bool
    is_gone: bool


@dataclass(frozen=True, slots=True)
class EnrollmentLine:
    """A row of enrollments.csv."""

    sourced_id: str
    line: int
    class_sourced_id: str
    user_sourced_id: str
    role: str
    begin_date: date | None
    end_date: date | None


def is_active(cells: CsvRow, *, is_bulk: bool) -> bool:
    """Whether a row is not to be deleted; bulk files may leave the status empty."""
    if is_bulk and cells.optional("status") is None:
        return True
    return cells.one_of("status", STATUSES)


def _role_of(cells: CsvRow) -> str:
    text = cells.text("role").lower()
    return text if EXTENSION_ROLE.fullmatch(text) else cells.one_of("role", ROLES)


def org_line(cells: CsvRow) -> OrgLine:
    """A row of orgs.csv."""
    return OrgLine(
        sourced_id=cells.key("sourcedId"),
        name=cells.text("name"),
        type=cells.text("type"),
        identifier=cells.optional("identifier"),
        parent_sourced_id=cells.optional_key("parentSourcedId"),
    )


def session_line(cells: CsvRow) -> SessionLine:
    """A row of academicSessions.csv."""
    start, end = cells.day("startDate"), cells.day("endDate")
    if end < start:
        raise CellError("endDate", f"{end} is before {start}")
    return SessionLine(
        sourced_id=cells.key("sourcedId"),
        title=cells.text("title"),
        type=cells.text("type"),
        start_date=start,
        end_date=end,
        school_year=cells.optional("schoolYear"),
    )


def course_line(cells: CsvRow) -> CourseLine:
    """A row of courses.csv."""
    return CourseLine(
        sourced_id=cells.key("sourcedId"),
        title=cells.text("title"),
        course_code=cells.optional("courseCode"),
    )


def class_line(cells: CsvRow) -> ClassLine:
    """A row of classes.csv."""
    return ClassLine(
        sourced_id=cells.key("sourcedId"),
        line=cells.line,
        title=cells.text("title"),
        class_code=cells.optional("classCode"),
        school_sourced_id=cells.key("schoolSourcedId"),
        course_sourced_id=cells.optional_key("courseSourcedId"),
        term_sourced_ids=cells.keys("termSourcedIds"),
        location=cells.optional("location"),
    )


def user_1_1_line(cells: CsvRow) -> UserLine:
    """A row of users.csv of OneRoster 1.1."""
    return _user(cells, _role_of(cells), cells.keys("orgSourcedIds"))


def user_1_2_line(cells: CsvRow) -> UserLine:
    """A row of users.csv of OneRoster 1.2, without role and orgs."""
    return _user(cells, None, ())


def _user(cells: CsvRow, role: str | None, orgs: tuple[str, ...]) -> UserLine:
    given, family = cells.optional("givenName"), cells.optional("familyName")
    if given is None and family is None:
        raise CellError("givenName", "is empty, and so is familyName")
    return UserLine(
        sourced_id=cells.key("sourcedId"),
        line=cells.line,
        enabled=cells.boolean("enabledUser"),
        role=role,
        org_sourced_ids=orgs,
        details=PersonDetails(
            given_name=given or "",
            family_name=family or "",
            preferred_given_name=cells.optional("preferredGivenName"),
            identifier=cells.optional("identifier"),
        ),
        agent_sourced_ids=cells.keys("agentSourcedIds"),
    )


def role_line(cells: CsvRow) -> RoleLine:
    """A row of roles.csv."""
    return RoleLine(
        line=cells.line,
        user_sourced_id=cells.key("userSourcedId"),
        org_sourced_id=cells.key("orgSourcedId"),
        role=_role_of(cells),
        is_primary=cells.one_of("roleType", {"primary": True, "secondary": False}),
        is_gone=(cells.optional("status") or "").lower() == "tobedeleted",
    )


def enrollment_line(cells: CsvRow) -> EnrollmentLine:
    """A row of enrollments.csv."""
    begin, end = cells.optional_day("beginDate"), cells.optional_day("endDate")
    if begin is not None and end is not None and end < begin:
        raise CellError("endDate", f"{end} is before {begin}")
    return EnrollmentLine(
        sourced_id=cells.key("sourcedId"),
        line=cells.line,
        class_sourced_id=cells.key("classSourcedId"),
        user_sourced_id=cells.key("userSourcedId"),
        role=_role_of(cells),
        begin_date=begin,
        end_date=end,
    )
