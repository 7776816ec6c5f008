"""An answer: one number goes up by one. Nothing is kept of who, with what, or when.

Write as the actor `STUDENTS`; an answer leaves no entry in the audit log, for it is no look at
identity, and its time would be one.
"""

from cluster.checkins.codes import DEVICE_BYTES
from cluster.checkins.feelings import Feeling
from cluster.checkins.finding import closed, find
from cluster.checkins.lessons import most_answers
from cluster.checkins.suppression import next_snapshot
from cluster.checkins.views import told_of
from cluster.errors import AlreadyAnswered
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.settings import Settings

STUDENTS = "system:checkin"
"""The actor of everything that a student does."""


def answer(
    work: UnitOfWork, settings: Settings, code: str, device: bytes, feeling: Feeling
) -> None:
    """Say a feeling.

    Args:
        work: As `STUDENTS`.
        settings: They say where check-ins are off.
        code: As it was typed; from the board, or of a slip.
        device: 16 random bytes, made for this device and check-in (`codes.new_device`). A slip
            answers once whatever the device, so that phones can be shared.
        feeling: What is said.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code, or all of the class have answered.
        AlreadyAnswered: This device, or this slip, has answered.
        ValueError: The token is not of 16 bytes.
    """
    must_be_token(device)
    found = find(work.session, settings, code, work.now)
    row = found.row
    # Whoever has answered is told so, even when the class is complete.
    if found.slip is not None:
        if found.slip.used:
            raise AlreadyAnswered("this slip has been used.")
        rows.mark_slip_used(work.session, found.slip)
    elif not rows.add_device(work.session, row.id, found.hash_of("answer", device)):
        raise AlreadyAnswered("this device has answered.")
    counts = {Feeling(name): n for name, n in rows.tallies_of(work.session, row.id).items()}
    if sum(counts.values()) >= most_answers(work.session, row):
        raise closed()
    rows.increment_tally(work.session, row.id, feeling)
    counts[feeling] += 1
    told = next_snapshot(counts, row.k, told_of(row.answers_told, row.told))
    if told is not None:
        row.answers_told, row.told = told.answers, told.as_json()
    row.version += 1
    work.session.flush()


def must_be_token(device: bytes) -> None:
    """Refuse what is no device's token.

    Raises:
        ValueError: It is not of 16 bytes.
    """
    if len(device) != DEVICE_BYTES:
        raise ValueError(f"a device's token has {DEVICE_BYTES} bytes, not {len(device)}")
