"""What commands on identity data share: opening records and keys, and the actor."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import say
from cluster.errors import SettingsError
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork, open_audited_records
from cluster.records.repos.people import user_of
from cluster.settings import Settings, load_settings

TeacherOption = Annotated[
    str,
    typer.Option("--by", help="The teacher who takes it: OneRoster's sourcedId."),
]


@contextmanager
def open_installation(settings: Path | None) -> Iterator[tuple[Settings, AuditedRecords]]:
    """Load settings, and open the records and keys that they name."""
    loaded = load_settings(settings)
    with open_audited_records(loaded) as audited:
        yield loaded, audited


def operator_actor() -> str:
    """Return the actor for the audit log: the operating system's user."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # no entry in passwd, as in many containers
        return f"operator:uid-{os.getuid()}"


def scrub_records(audited: AuditedRecords) -> None:
    """Clear deleted rows from the write-ahead log; print a notice if that must wait."""
    if not audited.records.scrub():
        say(
            "What was destroyed is still, encrypted, in the write-ahead log, because another "
            "process reads the records; it is cleared when that process ends."
        )


@contextmanager
def work_as_teacher(audited: AuditedRecords, sourced_id: str) -> Iterator[UnitOfWork]:
    """Open a unit of work as a teacher of the roster.

    Raises:
        NotFound: There is no such user.
    """
    with audited.records.reading() as session:
        teacher = user_of(session, sourced_id).id
    with audited.work(teacher) as work:
        yield work


def end_of_day(text: str) -> datetime:
    """Return the end of a day, UTC.

    Raises:
        SettingsError: The text is not a date.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
    except ValueError:
        raise SettingsError(f"{text!r} is not a date, like 2027-07-31.") from None


def write_private_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read, because it shows names.

    Raises:
        SettingsError: It cannot be written.
    """
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}.", where=str(path)) from error
