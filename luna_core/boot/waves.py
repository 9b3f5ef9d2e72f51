"""Waves: which nodes load kernel and initramfs now and from whom, and which wait for their turn.

Every node needs all of both files, and the controller's link is the limit: where all load at once, all finish last.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

CONTROLLER = ""
# How many a relay serves at once: the image goes over its link too.
RELAY_LOADS = 2
# How many that are to become relays may load from the controller at once; the rest take it from them.
FIRST_COPIES = 4
# A node that was switched off while it loaded keeps its place for so long, and one that waits is let in after so long.
HOLD_S = 120.0
LONGEST_S = 600.0
_SILENT_S = 60.0
_SWEEP_S = 1.0
# Who is among the first so many times the places may take one that is free, and so asks often.
_NEAR = 2
_NEAR_PAUSE_S = 1
_LONGEST_PAUSE_S = 15
_NODES_PER_SECOND = 64


@dataclass(frozen=True, kw_only=True)
class Load:
    """The node may load, from the controller or from the relay with this URL; `ticket` gives the place back."""

    source: str
    ticket: str
    waited: bool = False


@dataclass(frozen=True, kw_only=True)
class Wait:
    """The node is to ask again in `pause_s`; `before` it are so many others. `first`: it didn't wait until now."""

    before: int
    pause_s: int
    first: bool


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
            before = list(self._waiting).index(node) if waiting else len(self._waiting)
            near = before < _NEAR * (places + RELAY_LOADS * len(relays))
            source = self._free(places, relays) if near or again else None
            if source is None and (again or (waiting and now_s - waiting.since_s > LONGEST_S)):
                source = CONTROLLER
            if source is not None:
                self._waiting.pop(node, None)
                return self._load(node, version, source, now_s, waited=waiting is not None)
            kept = self._waiting.setdefault(node, _Waiting(version, now_s, now_s))
            kept.seen_s, kept.version = now_s, version
            pause_s = _NEAR_PAUSE_S if near else min(_LONGEST_PAUSE_S, _NEAR_PAUSE_S + before // _NODES_PER_SECOND)
            return Wait(before=before, pause_s=pause_s, first=waiting is None)

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

    def leave(self, node: str) -> None:
        """Whatever place the node has is free."""
        with self._lock:
            self._loading.pop(node, None)

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
        self._waiting = {node: one for node, one in self._waiting.items() if now_s - one.seen_s < _SILENT_S}
