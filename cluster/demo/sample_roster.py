"""A small OneRoster 1.2 roster and a timetable with fictitious names, for demos and tests.

    folder/manifest.csv, academicSessions.csv, orgs.csv, courses.csv, classes.csv, users.csv,
           roles.csv, enrollments.csv     for `homeroom roster import`
    folder/timetable.csv                  for `homeroom roster timetable`

Hillside School has two classes in `room-12`: 7B Science with teacher-1 and all students, 7B Art
with teacher-2 and every second student. Students 1 and 2 share a guardian, student 3 has two. There
is a school leader, and an administrator of the district who is the data protection officer.
"""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from cluster.errors import RosterError

SCHOOL, DISTRICT = "hillside-school", "hillside-district"
SCIENCE, ART = "class-7b-science", "class-7b-art"
ROOM = "room-12"
TERM_MONTH = 8
"""School years begin in August."""

GIVEN_NAMES = ("Alvo", "Brisa", "Corin", "Delphie", "Ebbo", "Fenna", "Gilo", "Hesper", "Ivolo")
FAMILY_NAMES = (
    "Pinecroft",
    "Tollwick",
    "Marrowdale",
    "Quillfen",
    "Ashbramble",
    "Oakensey",
    "Windlow",
)
"""Fictitious; nine given and seven family names give 63 different full names."""

Row = tuple[str, ...]


def write_sample_roster(folder: Path, students: int = 8, *, today: date) -> None:
    """Write the roster and the timetable.

    Args:
        folder: The folder; created where there is none.
        students: The number of students, at least one.
        today: A day in the school year of the timetable.

    Raises:
        RosterError: It cannot be written.
    """
    first_year = today.year if today.month >= TERM_MONTH else today.year - 1
    begin, end = date(first_year, TERM_MONTH, 1), date(first_year + 1, 6, 30)
    guardians = _guardians(students)
    files = {
        "manifest": _manifest(),
        "academicSessions": _sessions(begin, end),
        "orgs": _orgs(),
        "courses": _courses(),
        "classes": _classes(),
        "users": _users(students, guardians),
        "roles": _roles(students, guardians),
        "enrollments": _enrollments(students),
        "timetable": _timetable(begin, end),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in files.items():
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows)
    except OSError as error:
        raise RosterError(f"it cannot be written: {error.strerror}.", where=str(folder)) from error


def _guardians(students: int) -> dict[str, tuple[str, ...]]:
    """Return the guardians of each student."""
    special: dict[int, tuple[str, ...]] = {
        1: ("guardian-1",),
        2: ("guardian-1",),
        3: ("guardian-2", "guardian-3"),
    }
    return {
        f"student-{number}": special.get(number, (f"guardian-{number}",))
        for number in range(1, students + 1)
    }


def _manifest() -> list[Row]:
    present = ["academicSessions", "orgs", "courses", "classes", "users", "roles", "enrollments"]
    others = [
        *["categories", "classResources", "courseResources", "demographics"],
        *["lineItems", "resources", "results", "userProfiles", "userResources"],
    ]
    return [
        ("propertyName", "value"),
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        *((f"file.{name}", "bulk") for name in present),
        *((f"file.{name}", "absent") for name in others),
        ("source.systemName", "Homeroom sample"),
        ("source.systemCode", "homeroom-sample"),
    ]


def _table(header: str, rows: Iterable[Row]) -> list[Row]:
    """Return a file's rows, with empty status and dateLastModified, as in bulk files."""
    first, *rest = header.split(",")
    lines = [(key, "", "", *cells) for key, *cells in rows]
    return [(first, "status", "dateLastModified", *rest), *lines]


def _sessions(begin: date, end: date) -> list[Row]:
    year = str(end.year)
    return _table(
        "sourcedId,title,type,startDate,endDate,parentSourcedId,schoolYear",
        [("year", f"School year {year}", "schoolYear", str(begin), str(end), "", year)],
    )


def _orgs() -> list[Row]:
    return _table(
        "sourcedId,name,type,identifier,parentSourcedId",
        [
            (DISTRICT, "Hillside District", "district", "255901", ""),
            (SCHOOL, "Hillside School", "school", "255901001", DISTRICT),
        ],
    )


def _courses() -> list[Row]:
    header = "sourcedId,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects"
    return _table(
        f"{header},subjectCodes",
        [
            ("course-science", "year", "Science", "SCI", "07", SCHOOL, "", ""),
            ("course-art", "year", "Art", "ART", "07", SCHOOL, "", ""),
        ],
    )


def _classes() -> list[Row]:
    header = "sourcedId,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId"
    rest = ("scheduled", "Room 12", SCHOOL, "year", "", "", "")
    return _table(
        f"{header},termSourcedIds,subjects,subjectCodes,periods",
        [
            (SCIENCE, "7B Science", "07", "course-science", "7B-SCI", *rest),
            (ART, "7B Art", "07", "course-art", "7B-ART", *rest),
        ],
    )


def _people(students: int, guardians: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the role of each user."""
    parents = dict.fromkeys(guardian for both in guardians.values() for guardian in both)
    return {
        "teacher-1": "teacher",
        "teacher-2": "teacher",
        "leader-1": "principal",
        "officer-1": "districtAdministrator",
        **{f"student-{number}": "student" for number in range(1, students + 1)},
        **dict.fromkeys(parents, "guardian"),
    }


def _users(students: int, guardians: dict[str, tuple[str, ...]]) -> list[Row]:
    columns = "sourcedId,enabledUser,username,userIds,givenName,familyName,middleName,identifier"
    more = "email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier"
    last = "resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName"
    rows = []
    for number, (person, _) in enumerate(_people(students, guardians).items()):
        given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        family = FAMILY_NAMES[number % len(FAMILY_NAMES)]
        agents = ",".join(guardians.get(person, ()))
        names = ("true", person, "", given, family, "", "")
        rows.append(
            (person, *names, "", "", "", agents, "", "", "", "", "", "", "", _org_of(person), "")
        )
    return _table(f"{columns},{more},{last},primaryOrgSourcedId,pronouns", rows)


def _roles(students: int, guardians: dict[str, tuple[str, ...]]) -> list[Row]:
    return _table(
        "sourcedId,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId",
        [
            (f"role-{who}", who, "primary", role, "", "", _org_of(who), "")
            for who, role in _people(students, guardians).items()
        ],
    )


def _org_of(person: str) -> str:
    return DISTRICT if person == "officer-1" else SCHOOL


def _enrollments(students: int) -> list[Row]:
    members = [(SCIENCE, "teacher-1", "teacher", "true"), (ART, "teacher-2", "teacher", "true")]
    for number in range(1, students + 1):
        members.append((SCIENCE, f"student-{number}", "student", "false"))
        if number % 2:
            members.append((ART, f"student-{number}", "student", "false"))
    return _table(
        "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
        [
            (f"{of}-{who}", of, SCHOOL, who, role, primary, "", "")
            for of, who, role, primary in members
        ],
    )


def _timetable(begin: date, end: date) -> list[Row]:
    hours = [
        (SCIENCE, "Monday", "09:00", "09:45"),
        (SCIENCE, "Wednesday", "11:00", "11:45"),
        (SCIENCE, "Friday", "09:00", "09:45"),
        (ART, "Tuesday", "13:00", "14:30"),
        (ART, "Thursday", "10:00", "10:45"),
    ]
    return [
        ("class", "room", "weekday", "start", "end", "from", "to"),
        *((of, ROOM, day, start, stop, str(begin), str(end)) for of, day, start, stop in hours),
    ]
