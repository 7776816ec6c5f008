"""From what a student typed to the check-in that it belongs to.

An unknown code, one of a check-in that is over and one of a class where it was switched off give
the same error, so that guessing tells nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from cluster.checkins.codes import keyed_hash, read_code
from cluster.checkins.lessons import is_on
from cluster.errors import CheckinClosed, CheckinOff
from cluster.records.db.checkin_models import CheckinRow, SlipRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import checkins as rows
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Found:
    """A check-in that is on, and the slip by which it was found; for this package.

    Attributes:
        row: Of the check-in.
        slip: None where its code is on the board.
        code: As it was made.
    """

    row: CheckinRow
    slip: SlipRow | None
    code: str

    def hash_of(self, use: str, device: bytes) -> str:
        """Under which hash whoever answers or calls is noted: the device, or the slip itself."""
        who = device if self.slip is None else self.code.encode()
        return keyed_hash(self.row.device_key or b"", "call" if use == "call" else "answer", who)


@dataclass(frozen=True, slots=True)
class OpenCheckin:
    """What a phone learns of a check-in that is on.

    Attributes:
        class_id: Whose.
        ends_at: UTC.
        is_used: The slip has answered already; always False with a code from the board.
    """

    class_id: str
    ends_at: datetime
    is_used: bool


def by_code(session: Session, settings: Settings, code: str, now: datetime) -> OpenCheckin:
    """The check-in that a code opens, from the board or of a slip.

    Raises:
        CheckinOff: The school has switched check-ins off for all.
        CheckinClosed: There is none under it now.
    """
    found = find(session, settings, code, now)
    is_used = found.slip is not None and found.slip.used
    return OpenCheckin(found.row.class_sourced_id, found.row.ends_at, is_used)


def find(session: Session, settings: Settings, typed: str, now: datetime) -> Found:
    """See `by_code`."""
    if not settings.checkins.enabled:
        raise CheckinOff("the school has switched check-ins off.")
    code = read_code(typed)
    found = None if code is None else _look_up(session, code, now)
    if found is None or not is_on(settings, found.row, now):
        raise closed()
    return found


def closed() -> CheckinClosed:
    """The one error for every code that opens nothing."""
    return CheckinClosed(
        "no check-in is open under this code.", hint="Look at the code again, or ask the teacher."
    )


def is_taken(session: Session, code: str, now: datetime) -> bool:
    """Whether a check-in that is on has this code, or a slip with it."""
    return _look_up(session, code, now) is not None


def _look_up(session: Session, code: str, now: datetime) -> Found | None:
    row = rows.with_code(session, code)
    if row is not None:
        return Found(row, None, code)
    # Each check-in hashes with a key of its own; a district has few with slips at one time.
    with_slips = {row.id: row for row in rows.with_slips(session, now)}
    hashes = [
        keyed_hash(row.device_key or b"", "slip", code.encode()) for row in with_slips.values()
    ]
    slip = rows.slip_of(session, hashes) if hashes else None
    return None if slip is None else Found(with_slips[slip.checkin_id], slip, code)
