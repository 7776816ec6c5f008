"""What students say: voluntary check-ins, on any phone, without an account.

    start ──> by_code, answer ──┐                    ┌──> checkin_counts ──> warehouse
              call ─────────────┴──> running, calls ─┴──> nothing else is left
                                     end, end_those_over

feelings.py     the seven words            suppression.py what may be told of counts
codes.py        codes, tokens, hashes      lessons.py     whose lesson, and is it on
lifecycle.py    board or slips             finding.py     from a code to a check-in
answers.py      one number goes up         help_requests.py "I don't feel well"
types.py        as a teacher's page sees it
ending.py       what is kept, what goes    agreements.py  where guardians must agree
warehouse_rows.py rows for the warehouse

All functions take an open `Work` or session and the settings. Import contracts hold the package
apart from `cluster.activity` and `cluster.register`: what students say never meets what was seen.
"""

from cluster.checkins import agreements
from cluster.checkins.answers import STUDENTS, answer
from cluster.checkins.codes import new_device
from cluster.checkins.ending import Ended, end, end_those_over
from cluster.checkins.feelings import Feeling
from cluster.checkins.finding import OpenCheckin, by_code
from cluster.checkins.help_requests import Choice, HelpRequest, Named, call, calls, class_list, seen
from cluster.checkins.lessons import teaches
from cluster.checkins.lifecycle import Started, start
from cluster.checkins.queries import CheckinStatus, standing_of
from cluster.checkins.suppression import PublishedCounts, SuppressedCell
from cluster.checkins.types import CheckinView, running, versions

__all__ = [
    "STUDENTS",
    "CheckinStatus",
    "CheckinView",
    "Choice",
    "Ended",
    "Feeling",
    "HelpRequest",
    "Named",
    "OpenCheckin",
    "PublishedCounts",
    "Started",
    "SuppressedCell",
    "agreements",
    "answer",
    "by_code",
    "call",
    "calls",
    "class_list",
    "end",
    "end_those_over",
    "new_device",
    "running",
    "seen",
    "standing_of",
    "start",
    "teaches",
    "versions",
]
