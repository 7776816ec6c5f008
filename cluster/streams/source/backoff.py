"""Pauses between attempts to reach a camera: they grow, and no two cameras keep step."""

from random import Random

INITIAL_SECONDS = 0.5


class ExponentialBackoff:
    """Exponential growth with full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015).

    Args:
        longest_seconds: No pause is longer.
        random: Draws them.
    """

    def __init__(self, longest_seconds: float, random: Random) -> None:
        self._longest = longest_seconds
        self._random = random
        self._limit = min(INITIAL_SECONDS, longest_seconds)

    def next(self, *, cautious: bool = False) -> float:
        """The next pause, in seconds.

        Args:
            cautious: Half of the longest at least: cameras lock out whoever comes again and again
                with a wrong password.
        """
        limit, self._limit = self._limit, min(2 * self._limit, self._longest)
        if cautious:
            return self._random.uniform(self._longest / 2, self._longest)
        return self._random.uniform(0.0, limit)

    def reset(self) -> None:
        """All was well for a while: begin with short pauses again."""
        self._limit = min(INITIAL_SECONDS, self._longest)
