"""Measures the import of a roster: the first one, a repeated one, and a naive implementation.

    python -m bench.roster --users 100000
    python -m bench.roster --beside --users 60000     what sign-ins and registers wait meanwhile

Each import runs in a process of its own, into SQLite; its peak memory is `ru_maxrss`. The naive
implementation is one `session.merge` for each row, with fewer users and so smaller tables, which is
in its favour; users a second are compared.
"""

import argparse
import csv
import json
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from bench.measure import run
from bench.roster_beside import measure_beside
from cluster.clock import utc_now
from cluster.records.db.database import Records
from cluster.records.db.models import Enrollment, Org, SchoolClass, User, UserOrg, new_id
from cluster.records.repos.people import open_details, seal_details
from cluster.records.roster.importer import import_roster_in
from cluster.records.roster.oneroster import OneRoster, open_roster
from cluster.records.roster.oneroster_rows import (
    RosterClass,
    RosterEnrollment,
    RosterOrg,
    RosterUserWithRole,
)
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey

CLASS_SIZE = 25
SCHOOL_SIZE = 1000
NAIVE_USERS = 5_000
KIBIBYTE = 2**10
DATABASE, KEY = "records.sqlite", "master.key"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--naive-users", type=int, default=NAIVE_USERS)
    parser.add_argument("--beside", action="store_true", help="beside sign-ins and registers")
    parser.add_argument("--import", nargs=2, type=Path, dest="paths", help=argparse.SUPPRESS)
    parser.add_argument("--naive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paths:
        _run_import(*options.paths, naive=options.naive)
        return
    with tempfile.TemporaryDirectory(prefix="homeroom-bench-") as name:
        folder = Path(name)
        if options.beside:
            write_roster(folder / "large", options.users)
            write_roster(folder / "small", CLASS_SIZE)
            measure_beside(folder)
            return
        users = write_roster(folder / "large", options.users)
        few = write_roster(folder / "small", options.naive_users)
        speed = _measure("first import", folder / "homeroom", folder / "large", users)
        _measure("the same again", folder / "homeroom", folder / "large", users)
        naive = _measure("naive, first import", folder / "naive", folder / "small", few, naive=True)
        _measure("naive, the same again", folder / "naive", folder / "small", few, naive=True)
    print(f"\nHomeroom / naive, first import   {speed / naive:.1f}")


def _measure(label: str, home: Path, roster: Path, users: int, *, naive: bool = False) -> float:
    """Import in a process of its own, print the result, and return users a second."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "bench.roster", "--import", str(home), str(roster)]
    answer = json.loads(run([*command, *(["--naive"] if naive else [])]).output)
    speed = users / answer["seconds"]
    print(
        f"{label:<24}{users:>8} users {answer['seconds']:7.1f} s {speed:9.0f} users/s   "
        f"peak {answer['peak_mib']:.0f} MiB, {answer['start_mib']:.0f} before   "
        f"{answer['changes']} changes",
        flush=True,
    )
    return float(speed)


def _run_import(home: Path, roster: Path, *, naive: bool) -> None:
    key = home / KEY
    if not key.exists():
        key.write_bytes(secrets.token_bytes(KEY_BYTES))
    keys = KeyStore(home / "keys", LocalMasterKey(key.read_bytes()))
    records = Records(URL.create("sqlite+pysqlite", database=str(home / DATABASE)))
    records.migrate()
    start = _peak_mib()
    began = time.monotonic()
    with open_roster(roster) as source, records.writing() as session:
        if naive:
            changes = _merge_all(session, keys, source)
        else:
            changed = import_roster_in(session, keys, source, now=utc_now())
            changes = changed.total
            if changed.bad_rows:
                raise SystemExit(f"bad rows: {changed.bad_rows[:3]}")
    seconds = time.monotonic() - began
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_mib": _peak_mib(),
                "start_mib": start,
                "changes": changes,
            }
        )
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTE


def _merge_all(session: Session, keys: KeyStore, source: OneRoster) -> int:
    """The naive implementation: look each row up, encrypt it where it differs, merge it."""
    changes = 0
    for org in source.read(RosterOrg):
        if isinstance(org, RosterOrg):
            session.merge(Org(sourced_id=org.sourced_id, name=org.name, type=org.type))
    for one in source.read(RosterClass):
        if isinstance(one, RosterClass):
            session.merge(
                SchoolClass(
                    sourced_id=one.sourced_id,
                    title=one.title,
                    school_sourced_id=one.school_sourced_id,
                    term_sourced_ids=list(one.term_sourced_ids),
                )
            )
    for row in source.users():
        if isinstance(row, RosterUserWithRole):
            changes += _merge_user(session, keys, row)
    for enrollment in source.read(RosterEnrollment):
        if isinstance(enrollment, RosterEnrollment):
            user_id = session.scalar(
                select(User.id).where(User.sourced_id == enrollment.user_sourced_id)
            )
            session.merge(
                Enrollment(
                    sourced_id=enrollment.sourced_id,
                    class_sourced_id=enrollment.class_sourced_id,
                    user_id=user_id,
                    role=enrollment.role,
                )
            )
    return changes


def _merge_user(session: Session, keys: KeyStore, row: RosterUserWithRole) -> int:
    stored = session.scalar(select(User).where(User.sourced_id == row.sourced_id))
    user_id = stored.id if stored else new_id()
    is_same = stored is not None and open_details(keys, stored) == row.details
    sealed = stored.sealed if stored and is_same else seal_details(keys, user_id, row.details)
    session.merge(
        User(
            id=user_id,
            sourced_id=row.sourced_id,
            role=row.role,
            enabled=row.enabled,
            sealed=sealed,
        )
    )
    for org in row.org_sourced_ids:
        session.merge(UserOrg(user_id=user_id, org_sourced_id=org, role=row.role))
    return 0 if is_same else 1


def write_roster(folder: Path, users: int) -> int:
    """Write a OneRoster 1.1 folder of a teacher and students; return how many they are."""
    folder.mkdir()
    schools = range(1 + users // SCHOOL_SIZE)
    classes = range(1 + users // CLASS_SIZE)
    present = ("orgs", "classes", "users", "enrollments")
    manifest = [("oneroster.version", "1.1"), *((f"file.{name}", "bulk") for name in present)]
    _csv(folder / "manifest.csv", "propertyName,value", manifest)
    _csv(
        folder / "orgs.csv",
        "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
        ((f"school-{n}", "", "", f"School {n}", "school", "", "") for n in schools),
    )
    header = "sourcedId,status,dateLastModified,title,courseSourcedId,classCode,location"
    _csv(
        folder / "classes.csv",
        f"{header},schoolSourcedId,termSourcedIds",
        (
            (f"class-{n}", "", "", f"Class {n}", "", "", "", _school_of(n * CLASS_SIZE), "")
            for n in classes
        ),
    )
    header = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,givenName,familyName"
    _csv(
        folder / "users.csv",
        f"{header},identifier,agentSourcedIds",
        (
            (
                *("", "", "true", _school_of(n), "student" if n else "teacher"),
                *(f"Given{n % 977}", f"Made{n % 8191}", "", ""),
            )
            for n in range(users)
        ),
        prefix="user",
    )
    header = "sourcedId,status,dateLastModified,classSourcedId,userSourcedId,role,beginDate,endDate"
    _csv(
        folder / "enrollments.csv",
        header,
        (
            (
                *("", "", f"class-{n // CLASS_SIZE}", f"user-{n}"),
                *("student" if n else "teacher", "", ""),
            )
            for n in range(users)
        ),
        prefix="enrollment",
    )
    return users


def _school_of(user: int) -> str:
    return f"school-{user // SCHOOL_SIZE}"


def _csv(path: Path, header: str, rows: Iterable[tuple[str, ...]], prefix: str = "") -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        for number, row in enumerate(rows):
            writer.writerow((f"{prefix}-{number}", *row) if prefix else row)


if __name__ == "__main__":
    main()
