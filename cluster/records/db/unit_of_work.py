"""Units of work: a transaction of the records, the keys, and the audit log, always together.

    with audited.work(actor="operator:anna") as work:
        …  work.session  …
        work.audit(AuditAction.CONSENT_GRANT, subject=student_id)

All access to identity data goes through here, so that its entry in the audit log is in the same
transaction (R9).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session as Session  # for packages that may not import SQLAlchemy

from cluster.clock import Clock, utc_now
from cluster.errors import BadgeRefused, KeyUnusable, NotAllowed
from cluster.records.db import audit_log
from cluster.records.db.database import Records, open_records
from cluster.security.audit import AUDIT_KEY, AuditEntry, Detail, HeadFile
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore, open_keys
from cluster.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class UnitOfWork:
    """One transaction of one actor.

    Attributes:
        session: Committed when the unit of work ends without an error.
        keys: The installation's keys.
        actor: Who does it: a `users.id`, `operator:…` or `system:…`.
        now: The time of all of its changes, UTC.
        district: The district's id.
        last_entry: The last entry of the audit log that it appended.
    """

    session: Session
    keys: KeyStore
    actor: str
    now: datetime
    district: str
    last_entry: AuditEntry | None = field(default=None)

    def audit(self, action: AuditAction, subject: str | None = None, **detail: object) -> None:
        """Append to the audit log; details are never names or embeddings."""
        plain: Detail = {name: _plain(value) for name, value in detail.items()}
        self.last_entry = audit_log.append(
            self.session,
            self.keys,
            now=self.now,
            actor=self.actor,
            action=action,
            subject=subject,
            detail=plain,
        )


class AuditedRecords:
    """The records of an installation, with its keys and its audit log.

    Args:
        records: The opened records.
        keys: The installation's keys.
        head: The signed head of the audit log.
        district: The district's id.
        clock: Returns the current time, UTC.
    """

    def __init__(
        self,
        records: Records,
        keys: KeyStore,
        head: HeadFile,
        *,
        district: str,
        clock: Clock = utc_now,
    ) -> None:
        self.records = records
        self.keys = keys
        self.head = head
        self.district = district
        self.clock = clock

    @contextmanager
    def work(self, actor: str, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Begin a unit of work of an actor: it is committed with its audit entries, or not at all.

        Args:
            actor: Who does it.
            connection: See `Records.writing`.

        Raises:
            RecordsError: The database cannot be reached or written.
        """
        try:
            with self.records.writing(connection) as session:
                work = UnitOfWork(session, self.keys, actor, self.clock(), self.district)
                yield work
        except (NotAllowed, BadgeRefused) as error:
            self.audit_denial(actor, error, error.where)
            raise
        if work.last_entry is not None:
            self._sign_head(work.last_entry)

    def _sign_head(self, last: AuditEntry) -> None:
        try:
            self.head.advance(self.keys, last.seq, last.mac)
        except KeyUnusable as error:  # the work is committed, so it must not seem to have failed
            logger.warning(
                "the change is committed, but the signed head of the audit log is outdated: %s",
                error,
            )

    def audit_denial(
        self, actor: str, error: NotAllowed | BadgeRefused, subject: str | None
    ) -> None:
        """Record that an actor was denied; the denied work itself is rolled back."""
        with self.work(actor) as work:
            work.audit(AuditAction.DENIED, subject, reason=error.code)

    def close(self) -> None:
        """Close all connections."""
        self.records.close()


@contextmanager
def open_audited_records(settings: Settings, clock: Clock = utc_now) -> Iterator[AuditedRecords]:
    """Open the records and keys that the settings name.

    Raises:
        RecordsError: The records cannot be opened.
        KeyUnusable: The keys cannot be opened.
    """
    records = open_records(settings)
    try:
        with records.reading() as session:
            in_use = audit_log.tail(session)[0] > 0
        keys = open_keys(settings, required_key=AUDIT_KEY if in_use else None)
        head = HeadFile(settings.security.keys_dir)
        yield AuditedRecords(records, keys, head, district=settings.district.id, clock=clock)
    finally:
        records.close()


def _plain(value: object) -> str | int | bool | list[str] | None:
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | frozenset | set):
        return sorted(str(item) for item in value)
    raise TypeError(f"the audit log does not store values of type {type(value).__name__}")
