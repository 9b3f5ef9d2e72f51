"""Whether the links of this machine carry as much as they were seen to carry."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

COUNTERS = Path("/proc/net/dev")
_WINDOW_S = 5.0
# Waves leave even the busiest link idle for moments: with 0.7 of the most the seeder took half of a link that was full.
_FULL_SHARE = 0.5


class Link:
    """Compares what was sent in the last five seconds with the most that ever was in as long, since `forget`.

    No kernel tells what a virtual machine's link, or the fabric behind a fast one, can take; so this asks only how
    it has been. Reads the network namespace's counters as proc_net(5) describes them.
    """

    def __init__(self, counters: Path = COUNTERS, now_s: Callable[[], float] = time.monotonic) -> None:
        self._counters, self._now_s = counters, now_s
        self._samples: deque[tuple[float, int]] = deque()
        self._most = 0.0

    def forget(self) -> None:
        """Begin anew: what was sent for another purpose says nothing."""
        self._samples.clear()
        self._most = 0.0

    def is_full(self) -> bool:
        """Whether more would come late; so it is said too as long as nothing is known. Call it every second or so."""
        now_s = self._now_s()
        self._samples.append((now_s, _sent_bytes(self._counters.read_text())))
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - _WINDOW_S:
            self._samples.popleft()
        began_s, began_bytes = self._samples[0]
        if now_s - began_s < _WINDOW_S:
            return True
        rate = (self._samples[-1][1] - began_bytes) / (now_s - began_s)
        self._most = max(self._most, rate)
        return rate >= _FULL_SHARE * self._most


def _sent_bytes(counters: str) -> int:
    rows = (line.split(":", 1) for line in counters.splitlines() if ":" in line)
    return sum(int(values.split()[8]) for name, values in rows if name.strip() != "lo")
