"""How long to try again, and how often."""

import random
import time


class Patience:
    """Pauses that grow from milliseconds to a fifth of a second, until `limit_s` seconds have passed."""

    _SHORTEST_S = 0.002
    _LONGEST_S = 0.2
    _WORN_S = 1.0

    def __init__(self, limit_s: float) -> None:
        self._begun_s = self._looked_s = time.monotonic()
        self._limit_s = limit_s
        self._pause_s = self._SHORTEST_S

    def is_over(self) -> bool:
        """Whether the limit has passed."""
        return time.monotonic() - self._begun_s > self._limit_s

    def is_worn(self) -> bool:
        """Whether it is time to look for a cause: true at most once a second, and not in the first."""
        now_s = time.monotonic()
        if now_s - self._looked_s < self._WORN_S:
            return False
        self._looked_s = now_s
        return True

    def pause(self) -> None:
        """Sleep a little, at random, so that two who got in each other's way don't do so again."""
        time.sleep(random.uniform(0, self._pause_s))  # noqa: S311 - nobody gains by guessing it
        self._pause_s = min(2 * self._pause_s, self._LONGEST_S)
