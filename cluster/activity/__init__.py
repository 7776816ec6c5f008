"""From people to windows: tracking for seconds, durations, counting, suppression.

Nothing here knows a student, a face or a seat (R2), and no state outlives its segment.
"""

from typing import Final

RULES_VERSION: Final = 4
"""Increased whenever a frame may give other counts than before (thresholds, removal of duplicates,
the weights' confidence): footage that was analysed by older rules is analysed again."""
