"""Rosters for tests: OneRoster folders, built from rows with defaults."""

import csv
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import import_roster
from cluster.security.audit import HeadFile
from cluster.security.keys import KeyStore

CsvCells = tuple[str, ...]

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


def csv_line(kind: str, sourced_id: str, **cells: str) -> str:
    """Return a line of a file; cells that are not given are empty."""
    columns = COLUMNS[kind].split(",")
    values = {"sourcedId": sourced_id, **cells}
    assert values.keys() <= set(columns), values.keys() - set(columns)
    return ",".join('"' + values.get(name, "").replace('"', '""') + '"' for name in columns)


def org(sourced_id: str = "s1", **cells: str) -> str:
    return csv_line("orgs", sourced_id, **{"name": "Hill School", "type": "school", **cells})


def school_class(sourced_id: str, **cells: str) -> str:
    defaults = {"title": sourced_id.upper(), "schoolSourcedId": "s1", "termSourcedIds": "t1,t2"}
    return csv_line("classes", sourced_id, **{**defaults, **cells})


def user(sourced_id: str, role: str = "student", **cells: str) -> str:
    """Return a user of OneRoster 1.1."""
    defaults = {"givenName": f"Given {sourced_id}", "familyName": "Made", "enabledUser": "true"}
    return csv_line(
        "users", sourced_id, **{**defaults, "orgSourcedIds": "s1", "role": role, **cells}
    )


def user_1_2(sourced_id: str, **cells: str) -> str:
    defaults = {"givenName": f"Given {sourced_id}", "familyName": "Made", "enabledUser": "true"}
    return csv_line("users 1.2", sourced_id, **{**defaults, **cells})


def role(sourced_id: str, user_id: str, name: str, kind: str = "primary", **cells: str) -> str:
    defaults = {"userSourcedId": user_id, "role": name, "roleType": kind, "orgSourcedId": "s1"}
    return csv_line("roles", sourced_id, **{**defaults, **cells})


def enrollment(class_id: str, user_id: str, role: str = "student", **cells: str) -> str:
    defaults = {
        "classSourcedId": class_id,
        "userSourcedId": user_id,
        "role": role,
        "schoolSourcedId": "s1",
    }
    return csv_line("enrollments", f"{class_id}-{user_id}", **{**defaults, **cells})


def write_roster(
    folder: Path,
    files: Mapping[str, Iterable[str]],
    *,
    version: str = "1.1",
    modes: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
) -> Path:
    """Write a folder with a manifest, whose files are `bulk` unless `modes` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding=encoding) as stream:
        rows: list[CsvCells] = [("propertyName", "value"), ("oneroster.version", version)]
        rows += [(f"file.{name}", (modes or {}).get(name, "bulk")) for name in files]
        csv.writer(stream).writerows(rows)
    for name, lines in files.items():
        header = COLUMNS["users 1.2" if (name, version) == ("users", "1.2") else name]
        text = "\r\n".join([header, *lines]) + "\r\n"
        (folder / f"{name}.csv").write_bytes(text.encode(encoding))
    return folder


def write_zip(folder: Path, prefix: str = "") -> Path:
    """Write the files of a folder to a ZIP, with a prefix of their names."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{prefix}{file.name}")
    return path


def import_path(
    records: Records, keys: KeyStore, path: Path, *, allow_many: bool = False
) -> ImportResult:
    """Import the roster of a folder or ZIP, and commit."""
    audited = AuditedRecords(records, keys, HeadFile(path.parent), district="district")
    return import_roster(
        audited, "operator:test", path, finish=lambda *_: None, allow_many_removals=allow_many
    )
