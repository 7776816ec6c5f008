"""Which seeds of rendered clips serve what, so that no score is of what was trained or chosen on.

Training takes every seed that is not reserved here.
"""

from typing import Final

DEVELOPMENT_SEEDS: Final = range(8000, 8100)
"""Clips to choose weights, confidences and thresholds by."""

SCORE_SEEDS: Final = range(9000, 9100)
"""Clips of the score; nothing is trained or chosen on them."""


def may_train(seed: int) -> bool:
    """Return whether a clip of this seed may be trained on."""
    return seed not in DEVELOPMENT_SEEDS and seed not in SCORE_SEEDS
