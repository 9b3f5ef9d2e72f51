"""Waves: which nodes load kernel and initramfs now and from whom, and which wait for their turn.

Every node needs all of both files, and the controller's link is the limit: where all load at once, all finish last.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

CONTROLLER = ""
# How many a relay serves at once: the image goes over its link too.
RELAY_LOADS = 2
# How many that are to become relays may load from the controller at once; the rest take it from them.
FIRST_COPIES = 4
# A node that was switched off while it loaded keeps its place for so long, and one that waits is let in after so long.
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


@dataclass
class _Waiting:
    version: str
    ticket: str
    places: int
    since_s: float
    seen_s: float


class Waves:
    """Places at the controller and its relays, by node. Safe to use from many threads; a restart lets everybody in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._loading: dict[str, _Loading] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._swept_s = 0.0

    def enter(self, node: str, version: str, places: int, relays: Sequence[str] = ()) -> Load | Wait:
        """A place for a node that asks, if there is one: a relay's, else one of the controller's `places`."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            again = self._loading.pop(node, None) is not None
            waiting = self._waiting.get(node)
            kept = waiting or _Waiting(version, secrets.token_urlsafe(12), places, now_s, now_s)
            kept.version, kept.places = version, places
            before = self._before(node)
            source = self._source(kept, before, relays, now_s)
            if source is None and again:
                source = CONTROLLER
            if source is not None:
                self._waiting.pop(node, None)
                return self._load(node, version, source, now_s, waited=waiting is not None)
            self._waiting[node] = kept
            return self._wait(kept, before, now_s, first=waiting is None)

    def still(self, ticket: str, relays_of: Callable[[str], Iterable[str]]) -> Wait | None:
        """What a node that waits is told when it asks by its ticket; None once it may `enter`, or isn't known."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            node, kept = next(((node, one) for node, one in self._waiting.items() if one.ticket == ticket), ("", None))
            if kept is None:
                return None
            before = self._before(node)
            if self._source(kept, before, list(relays_of(kept.version)), now_s) is not None:
                return None
            return self._wait(kept, before, now_s)

    def copy(self, node: str, version: str, relays: Sequence[str]) -> Load | None:
        """Where a booted node gets what it is to hand on, if it is worth it: enough nodes wait for this version."""
        with self._lock:
            now_s = self._clock()
            self._sweep(now_s)
            self._loading.pop(node, None)
            copies = [one for one in self._loading.values() if one.copies and one.version == version]
            if self._count(version) <= RELAY_LOADS * (len(relays) + len(copies)):
                return None
            source = self._free(0, relays)
            if source is None and sum(one.source == CONTROLLER for one in copies) < FIRST_COPIES:
                source = CONTROLLER
            return None if source is None else self._load(node, version, source, now_s, copies=True)

    def waiting(self, version: str) -> int:
        """How many nodes wait for this version's kernel and initramfs."""
        with self._lock:
            return self._count(version)

    def loaded(self, ticket: str) -> None:
        """Both files are there: the place is free."""
        with self._lock:
            for node in [node for node, one in self._loading.items() if one.ticket == ticket]:
                del self._loading[node]

    def relay_failed(self, ticket: str) -> str | None:
        """A node loads from the controller instead of its relay from now on; which one, if the ticket is known."""
        with self._lock:
            for node, one in self._loading.items():
                if one.ticket == ticket:
                    self._loading[node] = replace(one, source=CONTROLLER, since_s=self._clock())
                    return node
        return None

    def leave(self, node: str) -> None:
        """Whatever place the node has is free."""
        with self._lock:
            self._loading.pop(node, None)

    def _before(self, node: str) -> int:
        waiting = list(self._waiting)
        return waiting.index(node) if node in self._waiting else len(waiting)

    def _source(self, kept: _Waiting, before: int, relays: Sequence[str], now_s: float) -> str | None:
        """Where the node may load now."""
        near = before < _NEAR * (kept.places + RELAY_LOADS * len(relays))
        free = self._free(kept.places, relays) if near else None
        return CONTROLLER if free is None and now_s - kept.since_s > LONGEST_S else free

    def _wait(self, kept: _Waiting, before: int, now_s: float, *, first: bool = False) -> Wait:
        kept.seen_s = now_s
        pause_s = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S + before // _NODES_PER_SECOND)
        return Wait(before=before, pause_s=pause_s, ticket=kept.ticket, first=first)

    def _count(self, version: str) -> int:
        return sum(one.version == version for one in self._waiting.values())

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
        self._waiting = {node: one for node, one in self._waiting.items() if now_s - one.seen_s < SILENT_S}
