"""Imports are prepared without the writers' lock, applied whole, and planned again if outdated."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from cluster.errors import RecordsBusy, RosterError
from cluster.records.db.database import Records
from cluster.records.db.models import Org, SchoolClass
from cluster.records.repos.roster_version import current_version, raise_version
from cluster.records.roster import staging
from cluster.records.roster.csv_files import MAX_BAD_ROWS
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import RosterImport, import_roster_in
from cluster.records.roster.oneroster import OneRoster, open_roster
from cluster.records.roster.staging import ImportPlan, apply_plan, planned
from cluster.security.keys import KeyStore
from tests.records.rosters import (
    enrollment,
    import_path,
    org,
    school_class,
    user,
    write_roster,
)

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 28, tzinfo=UTC)
OLD = {
    "orgs": [org()],
    "classes": [school_class("7b"), school_class("8a")],
    "users": [
        user("t", "teacher"),
        user("a", agentSourcedIds="g"),
        user("b", agentSourcedIds="g"),
        user("g", "parent"),
    ],
    "enrollments": [enrollment("7b", "t", "teacher"), enrollment("7b", "a"), enrollment("8a", "b")],
}
NEW = {
    "orgs": [org(name="Hill High School")],
    "classes": [school_class("7b", title="7B new"), school_class("9c")],
    "users": [
        user("t", "teacher", enabledUser="false"),
        user("a", familyName="New", agentSourcedIds="h"),
        user("c"),
        user("h", "parent"),
    ],
    "enrollments": [
        enrollment("7b", "t", "teacher"),
        enrollment("7b", "a", endDate="2026-12-01"),
        enrollment("9c", "c"),
    ],
}


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.durable
def test_a_killed_import_leaves_the_old_roster_whole(records: Records, tmp_path: Path) -> None:
    write_roster(tmp_path / "old", OLD)
    write_roster(tmp_path / "new", NEW)
    url = records.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.records.roster.import_and_kill", url, str(tmp_path)]
    done = subprocess.run([*command, "9"], cwd=ROOT, check=True, capture_output=True, timeout=600)
    counts = json.loads(done.stdout)
    assert counts["old"] > 5
    assert counts["new"] >= 1


def test_a_writer_does_not_wait_while_an_import_is_prepared(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    written = threading.Event()

    def write() -> None:
        with records.writing() as session:
            session.add(Org(sourced_id="other", name="Other", type="school"))
        written.set()

    def plan(session: Session) -> ImportPlan:
        with open_roster(write_roster(tmp_path / "r", OLD)) as source:
            result = import_of(session, keys, source)
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(timeout=20)
        return result

    with planned(records, plan):
        assert written.is_set()


def import_of(session: Session, keys: KeyStore, source: OneRoster) -> ImportPlan:
    """Plan an import of a roster that is open."""
    return RosterImport(session, keys, source, allow_many_removals=False).plan()


def test_a_plan_is_made_again_if_others_changed_the_roster_first(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    path, plans = write_roster(tmp_path / "r", OLD), 0

    def plan(session: Session) -> ImportPlan:
        nonlocal plans
        plans += 1
        with open_roster(path) as source:
            found = import_of(session, keys, source)
        if plans == 1:
            import_path(records, keys, write_roster(tmp_path / "other", NEW))
        return found

    def write(connection: Connection, found: ImportPlan) -> None:
        with records.writing(connection) as session:
            found.apply(session)

    assert apply_plan(records, plan, write).bad_rows == ()
    assert plans == 2
    with records.reading() as session:
        assert session.get_one(SchoolClass, "7b").title == "7B"
        assert session.scalars(select(Org.name)).one() == "Hill School"


def test_an_import_that_others_outrun_each_time_gives_up(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MAX_PLANS", 2)

    def plan(session: Session) -> ImportPlan:
        staged = staging.StagedChanges(session)
        session.commit()
        with records.writing() as other:
            raise_version(other)
        return ImportPlan(ImportResult({}, ()), lambda writer: staged.apply(writer, [Org]))

    def write(connection: Connection, found: ImportPlan) -> None:
        with records.writing(connection) as session:
            found.apply(session)

    with pytest.raises(RecordsBusy, match="2 times"):
        apply_plan(records, plan, write)


def test_an_import_within_a_transaction_leaves_no_temporary_table(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    path = write_roster(tmp_path / "r", OLD)
    for _ in range(2):
        with open_roster(path) as source, records.writing() as session:
            import_roster_in(session, keys, source, now=NOW)
    with records.reading() as session:
        assert current_version(session) == 2


def test_a_file_of_more_bad_rows_than_anybody_reads_is_refused(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    folder = write_roster(tmp_path / "r", OLD)
    with (folder / "enrollments.csv").open("a") as stream:
        stream.write("x\r\n" * MAX_BAD_ROWS)
    assert len(import_path(records, keys, folder).bad_rows) == MAX_BAD_ROWS
    with (folder / "enrollments.csv").open("a") as stream:
        stream.write("x\r\n" * 1_000_000)
    with pytest.raises(RosterError, match=r"over 10000 of its rows cannot be used, the first: enr"):
        import_path(records, keys, write_roster(tmp_path / "n", NEW) and folder)
    with records.reading() as session:
        assert session.get(SchoolClass, "9c") is None
