"""What the commands on identity share: records and keys, and who is asking."""

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
def identity_of(settings: Path | None) -> Iterator[tuple[Settings, AuditedRecords]]:
    """The settings, and the records and keys that they name."""
    known = load_settings(settings)
    with open_audited_records(known) as identity:
        yield known, identity


def operator() -> str:
    """Who sits at this terminal, for the audit log."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # no entry in passwd, as in many containers
        return f"operator:uid-{os.getuid()}"


def scrub(identity: AuditedRecords) -> None:
    """Clear the write-ahead log of what was destroyed; say so if that must wait."""
    if not identity.records.scrub():
        say(
            "What was destroyed still stands, sealed, in the write-ahead log, because another "
            "process reads the records; it goes when that one ends."
        )


@contextmanager
def as_teacher(identity: AuditedRecords, sourced_id: str) -> Iterator[UnitOfWork]:
    """Work as a teacher of the roster.

    Raises:
        NotFound: There is no such user.
    """
    with identity.records.reading() as session:
        teacher = user_of(session, sourced_id).id
    with identity.work(teacher) as work:
        yield work


def end_of_day(text: str) -> datetime:
    """The end of a day, UTC.

    Raises:
        SettingsError: It is no date.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
    except ValueError:
        raise SettingsError(f"{text!r} is not a date, like 2027-07-31.") from None


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read: it shows names.

    Raises:
        SettingsError: It cannot be written.
    """
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}.", where=str(path)) from error
