"""What the poller learned, read again only when it changed: a boot asks this and never waits for a switch."""

import time
from collections.abc import Sequence
from pathlib import Path

from luna_core.types import Sighting
from luna_discovery_switchport.places import Place, Places
from luna_discovery_switchport.snapshot import Cabling, Folder, Snapshot

PRESENT, GONE, NO_PLACE = 0.9, 0.6, 0.1
# File systems keep times in ticks of a few ms: what changed a moment ago may change again within the same tick.
_SETTLED_S = 0.1


class Known:
    """The snapshots of all switches in a state directory."""

    def __init__(self, directory: Path) -> None:
        self._folder = Folder(directory)
        self._read: dict[str, tuple[int, Snapshot]] = {}
        self._places = Places({}, Cabling())
        self._seen: tuple[int, ...] = ()

    def sightings(self, macs: Sequence[str]) -> list[Sighting]:
        """Where these MACs were seen; the poller is asked to look again if that is at no port of a single machine."""
        if not macs:
            return []
        places = self.places()
        found = [one for mac in dict.fromkeys(macs) for one in places.of(mac)]
        if not any(one.port and one.entry.present and not one.uplink for one in found):
            self._folder.ask_for_poll()
        now = time.time()
        return [_sighting(one, now) for one in found]

    def places(self) -> Places:
        """What is known now."""
        times = tuple(_changed_ns(path) for path in (self._folder.snapshots, self._folder.cabling))
        if times != self._seen or time.time() - max(times) / 1e9 < _SETTLED_S:
            self._places = Places(self._snapshots(), self._folder.read_cabling())
            self._seen = times
        return self._places

    def _snapshots(self) -> dict[str, Snapshot]:
        current: dict[str, tuple[int, Snapshot]] = {}
        for name, changed in self._folder.names():
            before = self._read.get(name)
            snapshot = before[1] if before and before[0] == changed else self._folder.read(name)
            if snapshot:
                current[name] = changed, snapshot
        self._read = current
        return {name: snapshot for name, (_, snapshot) in current.items()}


def _sighting(place: Place, now: float) -> Sighting:
    confidence = NO_PLACE if place.uplink or place.port is None else PRESENT if place.entry.present else GONE
    of_one = place.port if not place.uplink and not place.doubt else None
    return Sighting(
        mac=place.entry.mac,
        place=place.text,
        node=place.node,
        switch=place.switch if of_one else None,
        port=of_one.title if of_one else None,
        age_s=max(0.0, now - place.entry.last_seen),
        confidence=confidence,
    )


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
