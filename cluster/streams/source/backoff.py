"""Pauses between attempts to connect to a camera: growing, and random so that cameras spread."""

from random import Random

INITIAL_SECONDS = 0.5


class ExponentialBackoff:
    """Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015).

    Args:
        max_seconds: Longest pause.
        random: Draws the pauses.
    """

    def __init__(self, max_seconds: float, random: Random) -> None:
        self._max_seconds = max_seconds
        self._random = random
        self._limit_seconds = min(INITIAL_SECONDS, max_seconds)

    def next_seconds(self, *, avoid_lockout: bool = False) -> float:
        """Return the next pause, in seconds.

        Args:
            avoid_lockout: Draw at least half of the longest pause: cameras lock out clients that
                repeatedly send a wrong password.
        """
        limit, self._limit_seconds = (
            self._limit_seconds,
            min(2 * self._limit_seconds, self._max_seconds),
        )
        if avoid_lockout:
            return self._random.uniform(self._max_seconds / 2, self._max_seconds)
        return self._random.uniform(0.0, limit)

    def reset(self) -> None:
        """Start with short pauses again."""
        self._limit_seconds = min(INITIAL_SECONDS, self._max_seconds)
