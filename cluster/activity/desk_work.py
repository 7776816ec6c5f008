"""Desk work: reading and writing as one activity, and whether its parts are published.

The body alone often does not tell a reader from a writer. Desk work is always published; its parts
only where the score of the shipped classifier says that they are told apart well enough. So better
weights switch them on: `python -m bench.accuracy`, then `--write-docs`.
"""

from typing import Final

from cluster.vision.activity import Activity
from cluster.vision.score import SCORE

DESK_WORK: Final = "desk_work"

PARTS: Final = (Activity.READING, Activity.WRITING)

MIN_PARTS_SCORE: Final = 0.7
"""Precision and recall of reading and of writing must all reach this for the parts to be published:
of ten people who are told as writing, seven write, and of ten who write, seven are told."""

PUBLISHES_PARTS: Final = SCORE.reading_and_writing >= MIN_PARTS_SCORE
