"""Counting an answer: one number is incremented. Who answered what, and when, is not stored (R2).

The actor is `STUDENT_ACTOR`. An answer has no audit entry: it accesses no identity, and the entry's
time would reveal when it was given.
"""

from cluster.checkins.codes import DEVICE_BYTES
from cluster.checkins.feelings import Feeling
from cluster.checkins.lessons import closed_error, max_answers, resolve_code
from cluster.checkins.suppression import next_snapshot, snapshot_from_json
from cluster.errors import AlreadyAnswered
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import checkins as rows
from cluster.settings import Settings

STUDENT_ACTOR = "system:checkin"
"""The actor of everything that a student does."""


def answer(
    work: UnitOfWork, settings: Settings, code: str, device: bytes, feeling: Feeling
) -> None:
    """Count an answer.

    Args:
        work: Of `STUDENT_ACTOR`.
        settings: They say where check-ins are off.
        code: As it was typed; from the board, or of a slip.
        device: 16 random bytes for this device and check-in (`codes.new_device_token`). A slip
            answers once from any device, so that students can share phones.
        feeling: The answer.

    Raises:
        CheckinOff: The school has switched check-ins off.
        CheckinClosed: No check-in is open under this code, or it has all its answers.
        AlreadyAnswered: This device, or this slip, has answered.
        ValueError: The token does not have 16 bytes.
    """
    check_device_token(device)
    match = resolve_code(work.session, settings, code, work.now)
    row = match.row
    # Before the count: a device that has answered gets that error even if the class is complete.
    if match.slip is not None:
        if match.slip.used:
            raise AlreadyAnswered("this slip has been used.")
        rows.mark_slip_used(work.session, match.slip)
    elif not rows.add_device(work.session, row.id, match.hash_of("answer", device)):
        raise AlreadyAnswered("this device has answered.")
    counts = {Feeling(name): n for name, n in rows.tallies_of(work.session, row.id).items()}
    if sum(counts.values()) >= max_answers(work.session, row):
        raise closed_error()
    rows.increment_tally(work.session, row.id, feeling)
    counts[feeling] += 1
    last = snapshot_from_json(row.answers_told, row.told)
    snapshot = next_snapshot(counts, row.k, last)
    if snapshot is not None:
        row.answers_told, row.told = snapshot.answers, snapshot.as_json()
    row.version += 1
    work.session.flush()


def check_device_token(device: bytes) -> None:
    """Check the length of a device token.

    Raises:
        ValueError: It does not have 16 bytes.
    """
    if len(device) != DEVICE_BYTES:
        raise ValueError(f"a device's token has {DEVICE_BYTES} bytes, not {len(device)}")
