"""Waves: which nodes load kernel and initramfs now and from whom, and which wait for their turn.

Every node needs all of both files, and the controller's link is the limit: where all load at once, all finish last.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from luna_core.boot.queue import Queue, Waiting

CONTROLLER = ""
# How many a relay serves at once: the image goes over its link too.
RELAY_LOADS = 2
# How many that are to become relays may load from the controller at once; the rest take it from them.
FIRST_COPIES = 4
# A relay that failed so many nodes in a row is out of their reach, or broken: nobody is sent there for HOLD_S.
MOST_FAILURES = 2
# A node that was switched off while it loaded keeps its place for so long; one that waits is let in after so long in
# which none of those that wait had a turn.
HOLD_S = 120.0
LONGEST_S = 600.0
# One that waits and was not heard of for so long has gone.
SILENT_S = 60.0
_SWEEP_S = 1.0
# Who is among the first so many times the places may take one that is free.
_NEAR = 2
_SHORTEST_PAUSE_S = 1
_LONGEST_PAUSE_S = 15
_NODES_PER_SECOND = 128


@dataclass(frozen=True, kw_only=True)
class Load:
    """The node may load, from the controller or from the relay with this URL; `ticket` gives the place back."""

    source: str
    ticket: str
    waited: bool = False


@dataclass(frozen=True, kw_only=True)
class Wait:
    """The node is to ask by `ticket` in `pause_s`; `before` it are so many others. `first`: it begins to wait."""

    before: int
    pause_s: int
    ticket: str
    first: bool = False


@dataclass(frozen=True, kw_only=True)
class _Loading:
    source: str
    version: str
    ticket: str
    since_s: float
    copies: bool


class Waves:
    """Places at the controller and its relays, by node. Safe to use from many threads; a restart forgets all of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._loading: dict[str, _Loading] = {}
        self._waiting = Queue()
        self._failures: dict[str, tuple[int, float]] = {}
        self._places = 0
        self._turn_s = 0.0
        self._swept_s = 0.0

    def enter(self, node: str, version: str, places: int, relays: Sequence[str] = ()) -> Load | Wait:
        """A place for a node that asks, if there is one: a relay's, else one of the controller's `places`."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            self._places = places
            again = self._loading.pop(node, None) is not None
            waiting = self._waiting.get(node)
            if waiting:
                self._waiting.change(waiting, version)
            kept = waiting or Waiting(node, version, secrets.token_urlsafe(12), now_s, now_s)
            before = self._waiting.before(node)
            source = self._source(kept, before, relays, now_s)
            if source is None and again:
                source = CONTROLLER
            if source is not None:
                if self._waiting.remove(node) and not self._is_overdue(kept, now_s):
                    self._turn_s = now_s
                return self._load(node, version, source, now_s, waited=waiting is not None)
            self._waiting.add(kept)
            return self._wait(kept, before, now_s, first=waiting is None)

    def still(self, ticket: str, relays_of: Callable[[str], Iterable[str]]) -> Wait | None:
        """What a node that waits is told when it asks by its ticket; None once it may `enter`, or isn't known."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            kept = self._waiting.by_ticket(ticket)
            if kept is None:
                return None
            before = self._waiting.before(kept.node)
            if self._source(kept, before, list(relays_of(kept.version)), now_s) is not None:
                return None
            return self._wait(kept, before, now_s)

    def copy(self, node: str, version: str, relays: Sequence[str]) -> Load | None:
        """Where a booted node gets what it is to hand on, if it is worth it: enough nodes wait for this version."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            self._loading.pop(node, None)
            relays = self._good(relays)
            copies = [one for one in self._loading.values() if one.copies and one.version == version]
            if self._waiting.wait_for(version) <= RELAY_LOADS * (len(relays) + len(copies)):
                return None
            source = self._free(0, relays)
            if source is None and sum(one.source == CONTROLLER for one in copies) < FIRST_COPIES:
                source = CONTROLLER
            return None if source is None else self._load(node, version, source, now_s, copies=True)

    def waiting(self, version: str) -> int:
        """How many nodes wait for this version's kernel and initramfs."""
        with self._lock:
            return self._waiting.wait_for(version)

    def loaded(self, ticket: str) -> None:
        """Both files are there: the place is free."""
        with self._lock:
            for node in [node for node, one in self._loading.items() if one.ticket == ticket]:
                self._failures.pop(self._loading.pop(node).source, None)

    def relay_failed(self, ticket: str) -> str | None:
        """A node loads from the controller instead of its relay from now on; which one, if the ticket is its."""
        with self._lock:
            for node, one in self._loading.items():
                if one.ticket == ticket and one.source != CONTROLLER:
                    now_s = self._clock()
                    self._failures[one.source] = self._failures.get(one.source, (0, now_s))[0] + 1, now_s
                    self._loading[node] = replace(one, source=CONTROLLER, since_s=now_s)
                    return node
        return None

    def leave(self, node: str) -> None:
        """Whatever place the node has is free."""
        with self._lock:
            self._loading.pop(node, None)

    def _source(self, kept: Waiting, before: int, relays: Sequence[str], now_s: float) -> str | None:
        """Where the node may load now."""
        relays = self._good(relays)
        near = before < _NEAR * (self._places + RELAY_LOADS * len(relays))
        free = self._free(self._places, relays) if near else None
        return CONTROLLER if free is None and self._is_overdue(kept, now_s) else free

    def _is_overdue(self, kept: Waiting, now_s: float) -> bool:
        return now_s - max(kept.since_s, self._turn_s) > LONGEST_S

    def _good(self, relays: Sequence[str]) -> Sequence[str]:
        return [one for one in relays if self._failures.get(one, (0, 0.0))[0] < MOST_FAILURES]

    def _wait(self, kept: Waiting, before: int, now_s: float, *, first: bool = False) -> Wait:
        kept.seen_s = now_s
        pause_s = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S + before // _NODES_PER_SECOND)
        return Wait(before=before, pause_s=pause_s, ticket=kept.ticket, first=first)

    def _free(self, places: int, relays: Sequence[str]) -> str | None:
        used = Counter(one.source for one in self._loading.values() if not (one.copies and one.source == CONTROLLER))
        best = min(relays, key=lambda url: used[url], default=None)
        if best is not None and used[best] < RELAY_LOADS:
            return best
        return CONTROLLER if used[CONTROLLER] < places else None

    def _load(
        self, node: str, version: str, source: str, now_s: float, *, waited: bool = False, copies: bool = False
    ) -> Load:
        ticket = secrets.token_urlsafe(12)
        self._loading[node] = _Loading(source=source, version=version, ticket=ticket, since_s=now_s, copies=copies)
        return Load(source=source, ticket=ticket, waited=waited)

    def _sweep(self, now_s: float) -> None:
        """Forget those that were not heard of again."""
        if now_s - self._swept_s < _SWEEP_S:
            return
        self._swept_s = now_s
        self._loading = {node: one for node, one in self._loading.items() if now_s - one.since_s < HOLD_S}
        self._waiting.forget(lambda one: now_s - one.seen_s >= SILENT_S)
        self._failures = {url: (count, at_s) for url, (count, at_s) in self._failures.items() if now_s - at_s < HOLD_S}
