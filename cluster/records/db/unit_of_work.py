"""Work on identity: a transaction, the keys, and the audit log, always together.

    with identity.work(actor="operator:anna") as work:
        …  work.session  …
        work.audit(AuditAction.CONSENT_GRANT, subject=student_id)

Everything that reads or changes what ties to a person goes through here, so that nothing does
without an entry in the log, in the same transaction.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session as Session  # others name the type, and import it from here

from cluster.errors import BadgeRefused, KeyUnusable, NotAllowed
from cluster.records.db import audit_log
from cluster.records.db.database import Records, open_records
from cluster.security.audit import AUDIT_KEY, AuditEntry, Detail, HeadFile
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore, open_keys
from cluster.settings import Settings

Clock = Callable[[], datetime]

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class UnitOfWork:
    """One transaction of one actor.

    Attributes:
        session: Committed when the work ends without an error.
        keys: The installation's keys.
        actor: Who does it: a `users.id`, `operator:…` or `system:…`.
        now: The moment that all of it happens at, UTC.
        district: The district's id.
    """

    session: Session
    keys: KeyStore
    actor: str
    now: datetime
    district: str
    last: AuditEntry | None = field(default=None)

    def audit(self, action: AuditAction, subject: str | None = None, **detail: object) -> None:
        """Append to the audit log; never names, never embeddings."""
        plain: Detail = {name: _plain(value) for name, value in detail.items()}
        self.last = audit_log.append(
            self.session,
            self.keys,
            now=self.now,
            actor=self.actor,
            action=action,
            subject=subject,
            detail=plain,
        )


class AuditedRecords:
    """Records, keys and the head of the audit log of an installation.

    Args:
        records: Opened.
        keys: Likewise.
        head: Of the audit log.
        district: The district's id.
        clock: Tells the time.
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
    def work(self, actor: str) -> Iterator[UnitOfWork]:
        """Do something as somebody: all of it, with its audit entries, or nothing.

        Raises:
            RecordsError: The database cannot be reached or written.
        """
        try:
            with self.records.writing() as session:
                work = UnitOfWork(session, self.keys, actor, self.clock(), self.district)
                yield work
        except (NotAllowed, BadgeRefused) as error:
            self.refused(actor, error, error.where)
            raise
        if work.last is not None:
            self._keep_head(work.last)

    def _keep_head(self, last: AuditEntry) -> None:
        try:
            self.head.advance(self.keys, last.seq, last.mac)
        except KeyUnusable as error:  # what was done is committed: it must not look undone
            logger.warning("it is done, but the signed head of the audit log is behind: %s", error)

    def refused(self, actor: str, error: NotAllowed | BadgeRefused, subject: str | None) -> None:
        """Record that somebody was refused; the work itself left nothing."""
        with self.work(actor) as work:
            work.audit(AuditAction.DENIED, subject, reason=error.code)

    def close(self) -> None:
        """Give the connections back."""
        self.records.close()


@contextmanager
def open_audited_records(settings: Settings, clock: Clock = utc_now) -> Iterator[AuditedRecords]:
    """The records and keys that the settings name.

    Raises:
        RecordsError: The records cannot be opened.
        KeyUnusable: The keys cannot be had.
    """
    records = open_records(settings)
    try:
        with records.reading() as session:
            in_use = audit_log.tail(session)[0] > 0
        keys = open_keys(settings, sign_of_life=AUDIT_KEY if in_use else None)
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
    raise TypeError(f"{type(value).__name__} does not belong in the audit log")
