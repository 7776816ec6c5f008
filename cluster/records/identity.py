"""Work on identity: a transaction, the keys, and the audit log, always together.

    with identity.work(actor="operator:anna") as work:
        …  work.session  …
        work.audit("consent.grant", subject=student_id)

Everything that reads or changes what ties to a person goes through here, so that nothing does
without an entry in the log, in the same transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session as Session  # others name the type, and import it from here

from cluster.records import audit_log
from cluster.records.database import Records, open_records
from cluster.security.audit import AuditEntry, Detail, HeadFile
from cluster.security.keys import KeyStore, open_keys
from cluster.settings import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Work:
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

    def audit(self, action: str, subject: str | None = None, **detail: object) -> None:
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


class Identity:
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
    def work(self, actor: str) -> Iterator[Work]:
        """Do something as somebody: all of it, with its audit entries, or nothing.

        Raises:
            RecordsError: The database cannot be reached or written.
        """
        with self.records.writing() as session:
            work = Work(session, self.keys, actor, self.clock(), self.district)
            yield work
        if work.last is not None:
            self.head.advance(self.keys, work.last.seq, work.last.mac)

    def close(self) -> None:
        """Give the connections back."""
        self.records.close()


@contextmanager
def open_identity(settings: Settings, clock: Clock = utc_now) -> Iterator[Identity]:
    """The records and keys that the settings name.

    Raises:
        RecordsError: The records cannot be opened.
        KeyUnusable: The keys cannot be had.
    """
    keys = open_keys(settings)
    head = HeadFile(settings.security.keys_dir)
    identity = Identity(
        open_records(settings), keys, head, district=settings.district.id, clock=clock
    )
    try:
        yield identity
    finally:
        identity.close()


def _plain(value: object) -> str | int | bool | list[str] | None:
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | frozenset | set):
        return sorted(str(item) for item in value)
    raise TypeError(f"{type(value).__name__} does not belong in the audit log")
