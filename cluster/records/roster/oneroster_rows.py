"""The rows of OneRoster's CSV files as pydantic models, with the columns that Homeroom reads.

Of a person: the names, the identifier, the role, the schools and the guardians. Other columns are
not read.
"""

import re
from typing import Annotated, ClassVar

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from cluster.records.repos.people import PersonDetails
from cluster.records.roster.csv_cells import (
    Boolean,
    CsvModel,
    Day,
    Key,
    Keys,
    Text,
    invalid_cell_error,
    not_before,
    one_of,
    quoted,
)

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
"""OneRoster's roles in lower case, with the role in the records: parents are guardians there."""

EXTENSION_ROLE = re.compile(r"ext:[a-z0-9_.-]{1,28}")


def _parse_role(text: str) -> str:
    lower = text.lower()
    role = ROLES.get(lower) or (lower if EXTENSION_ROLE.fullmatch(lower) else None)
    if role is None:
        raise invalid_cell_error(f"{quoted(text)} is none of {', '.join(ROLES)}")
    return role


Role = Annotated[str, PlainValidator(_parse_role)]


def _parse_status(text: str) -> bool:
    statuses = {"active": False, "tobedeleted": True}
    try:
        return statuses[text.lower()]
    except KeyError:
        raise invalid_cell_error(
            f"{quoted(text)} is no status of OneRoster, which are active and tobedeleted; the row "
            "is left out"
        ) from None


class RosterRow(CsvModel):
    """The columns that all files have.

    Attributes:
        FILE: The name of the file, without `.csv`.
        OPTIONAL_COLUMNS: Columns that the file may lack.
    """

    FILE: ClassVar[str]
    OPTIONAL_COLUMNS: ClassVar[tuple[str, ...]] = ()

    sourced_id: Key
    is_deleted: Annotated[bool, PlainValidator(_parse_status)] = Field(alias="status", exclude=True)


class DeletedRow(RosterRow):
    """A row that is to be deleted; its other cells are not validated."""


class RosterOrg(RosterRow):
    """A row of orgs.csv."""

    FILE = "orgs"

    name: Text
    type: Text
    identifier: Text | None = None
    parent_sourced_id: Key | None = None


class RosterSession(RosterRow):
    """A row of academicSessions.csv."""

    FILE = "academicSessions"

    title: Text
    type: Text
    start_date: Day
    end_date: Annotated[Day, not_before("start_date")]
    school_year: Text | None = None


class RosterCourse(RosterRow):
    """A row of courses.csv."""

    FILE = "courses"

    title: Text
    course_code: Text | None = None


class RosterClass(RosterRow):
    """A row of classes.csv."""

    FILE = "classes"
    OPTIONAL_COLUMNS = ("periods",)

    title: Text
    class_code: Text | None = None
    school_sourced_id: Key
    course_sourced_id: Key | None = None
    term_sourced_ids: Keys = ()
    location: Text | None = None
    periods: Keys = ()


class RosterUser(RosterRow):
    """A row of users.csv of OneRoster 1.2, which has roles and orgs in roles.csv."""

    FILE = "users"
    OPTIONAL_COLUMNS = ("preferredGivenName",)

    enabled: Boolean = Field(alias="enabledUser")
    family_name: Text = ""
    given_name: Text = Field("", validate_default=True)
    preferred_given_name: Text | None = None
    identifier: Text | None = None
    agent_sourced_ids: Keys = ()

    @field_validator("given_name")
    @classmethod
    def _check_name(cls, given_name: str, info: ValidationInfo) -> str:
        if not given_name and not info.data.get("family_name"):
            raise invalid_cell_error("is empty, and so is familyName")
        return given_name

    @property
    def details(self) -> PersonDetails:
        """What the records encrypt."""
        return PersonDetails(
            self.given_name, self.family_name, self.preferred_given_name, self.identifier
        )


class RosterUserWithRole(RosterUser):
    """A row of users.csv of OneRoster 1.1, which has one role, at all orgs."""

    role: Role
    org_sourced_ids: Keys = ()


class RosterRole(RosterRow):
    """A row of roles.csv (OneRoster 1.2)."""

    FILE = "roles"

    user_sourced_id: Key
    org_sourced_id: Key
    role: Role
    is_primary: Annotated[bool, one_of({"primary": True, "secondary": False})] = Field(
        alias="roleType"
    )


class RosterEnrollment(RosterRow):
    """A row of enrollments.csv."""

    FILE = "enrollments"

    class_sourced_id: Key
    user_sourced_id: Key
    role: Role
    begin_date: Day | None = None
    end_date: Annotated[Day, not_before("begin_date")] | None = None
