"""Rosters for tests: OneRoster folders written from short rows."""

import csv
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cluster.records.db.database import Records
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import import_roster
from cluster.records.roster.oneroster import open_roster
from cluster.security.keys import KeyStore

Cells = tuple[str, ...]

START = "sourcedId,status,dateLastModified"
COLUMNS = {
    "orgs": f"{START},name,type,identifier,parentSourcedId",
    "academicSessions": f"{START},title,type,startDate,endDate,parentSourcedId,schoolYear",
    "courses": f"{START},schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,"
    "subjectCodes",
    "classes": f"{START},title,grades,courseSourcedId,classCode,classType,location,"
    "schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    "users": f"{START},enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
    "users 1.2": f"{START},enabledUser,username,userIds,givenName,familyName,middleName,identifier,"
    "email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,"
    "preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns",
    "roles": f"{START},userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,"
    "userProfileSourcedId",
    "enrollments": f"{START},classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,"
    "endDate",
}


def line(kind: str, sourced_id: str, **cells: str) -> str:
    """A row of a file; cells that are not named are empty."""
    columns = COLUMNS[kind].split(",")
    values = {"sourcedId": sourced_id, **cells}
    assert values.keys() <= set(columns), values.keys() - set(columns)
    return ",".join('"' + values.get(name, "").replace('"', '""') + '"' for name in columns)


def org(sourced_id: str = "s1", **cells: str) -> str:
    return line("orgs", sourced_id, **{"name": "Hill School", "type": "school", **cells})


def school_class(sourced_id: str, **cells: str) -> str:
    named = {"title": sourced_id.upper(), "schoolSourcedId": "s1", "termSourcedIds": "t1,t2"}
    return line("classes", sourced_id, **{**named, **cells})


def user(sourced_id: str, role: str = "student", **cells: str) -> str:
    """A user of OneRoster 1.1."""
    named = {"givenName": f"Given {sourced_id}", "familyName": "Made", "enabledUser": "true"}
    return line("users", sourced_id, **{**named, "orgSourcedIds": "s1", "role": role, **cells})


def user_1_2(sourced_id: str, **cells: str) -> str:
    named = {"givenName": f"Given {sourced_id}", "familyName": "Made", "enabledUser": "true"}
    return line("users 1.2", sourced_id, **{**named, **cells})


def role(sourced_id: str, who: str, named: str, kind: str = "primary", **cells: str) -> str:
    columns = {"userSourcedId": who, "role": named, "roleType": kind, "orgSourcedId": "s1"}
    return line("roles", sourced_id, **{**columns, **cells})


def enrollment(of: str, who: str, named: str = "student", **cells: str) -> str:
    columns = {"classSourcedId": of, "userSourcedId": who, "role": named, "schoolSourcedId": "s1"}
    return line("enrollments", f"{of}-{who}", **{**columns, **cells})


def write_roster(
    folder: Path,
    files: Mapping[str, Iterable[str]],
    *,
    version: str = "1.1",
    modes: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
) -> Path:
    """Write a folder: a manifest that calls each file `bulk` unless `modes` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    named = modes or {}
    with (folder / "manifest.csv").open("w", newline="", encoding=encoding) as stream:
        rows: list[Cells] = [("propertyName", "value"), ("oneroster.version", version)]
        rows += [(f"file.{name}", named.get(name, "bulk")) for name in files]
        csv.writer(stream).writerows(rows)
    for name, lines in files.items():
        header = COLUMNS["users 1.2" if (name, version) == ("users", "1.2") else name]
        text = "\r\n".join([header, *lines]) + "\r\n"
        (folder / f"{name}.csv").write_bytes(text.encode(encoding))
    return folder


def zipped(folder: Path, inside: str = "") -> Path:
    """The same as a ZIP, its files in a folder of that name."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{inside}{file.name}")
    return path


def bring_in(records: Records, keys: KeyStore, path: Path, *, many: bool = False) -> ImportResult:
    """Import a roster and commit."""
    with open_roster(path) as source, records.writing() as session:
        return import_roster(session, keys, source, allow_many_removals=many)
