"""Check-ins: what students say of themselves (R1), voluntarily, on any phone, without an account.

    start ──> find_by_code, answer ──┐                                     ┌──> warehouse
              request_help ──────────┴──> get_running, list_help_requests ─┴──> nothing else is kept
                                          end, end_expired

    feelings.py       the seven feelings        codes.py           codes, tokens, hashes
    lifecycle.py      start and end             slips.py           single-use codes
    lessons.py        from a code or lesson to its check-in, and who may take part
    answers.py        counting an answer        help_requests.py   "I don't feel well"
    suppression.py    which counts are published (R3)
    types.py          data types                queries.py         loading for a teacher's page
    agreements.py     guardians' agreements     warehouse_rows.py  rows for the warehouse

All functions take an open `UnitOfWork` or session, and the settings. Import contracts keep the
package apart from `cluster.activity` and `cluster.register`.
"""

from cluster.checkins import agreements
from cluster.checkins.answers import STUDENT_ACTOR, answer
from cluster.checkins.codes import new_device_token
from cluster.checkins.feelings import Feeling
from cluster.checkins.help_requests import (
    HelpRequest,
    NameChoice,
    NamedStudent,
    list_help_requests,
    list_names,
    mark_seen,
    request_help,
)
from cluster.checkins.lessons import find_by_code, teaches
from cluster.checkins.lifecycle import end, end_expired, start
from cluster.checkins.queries import get_running, get_status, get_versions
from cluster.checkins.suppression import PublishedCounts, SuppressedCell
from cluster.checkins.types import (
    CheckinStatus,
    CheckinView,
    EndedCheckin,
    OpenCheckin,
    StartedCheckin,
)

__all__ = [
    "STUDENT_ACTOR",
    "CheckinStatus",
    "CheckinView",
    "EndedCheckin",
    "Feeling",
    "HelpRequest",
    "NameChoice",
    "NamedStudent",
    "OpenCheckin",
    "PublishedCounts",
    "StartedCheckin",
    "SuppressedCell",
    "agreements",
    "answer",
    "end",
    "end_expired",
    "find_by_code",
    "get_running",
    "get_status",
    "get_versions",
    "list_help_requests",
    "list_names",
    "mark_seen",
    "new_device_token",
    "request_help",
    "start",
    "teaches",
]
