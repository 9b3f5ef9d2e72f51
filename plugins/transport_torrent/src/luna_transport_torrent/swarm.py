"""Who fetches or has a version, and whom each of them is told of: near peers first, some far ones always."""

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from luna_core.types import IPAddress

PEERS: Final = 50
NEAR_SHARE: Final = 0.75
SEEDER_PEERS: Final = 64
SHORTEST_INTERVAL_S: Final = 5
LONGEST_INTERVAL_S: Final = 60
_ANNOUNCES_PER_S: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A node's client. `place` is what it shares with those near to it, such as its switch; `left` is in bytes."""

    node: str
    peer_id: bytes
    address: IPAddress
    port: int
    place: str | None
    left: int

    @property
    def complete(self) -> bool:
        """Whether it has the whole version."""
        return self.left == 0


class Swarm:
    """The peers of one version. Not thread safe; `now_s` may be any clock that only goes forward."""

    def __init__(self) -> None:
        self.downloaded = 0
        self._peers: dict[tuple[IPAddress, int], Peer] = {}
        self._expires_s: dict[tuple[IPAddress, int], float] = {}
        self._places: dict[str, dict[tuple[IPAddress, int], Peer]] = {}
        self._next_expiry_s = 0.0
        self.complete = 0

    @property
    def incomplete(self) -> int:
        """How many peers are still fetching."""
        return len(self._peers) - self.complete

    @property
    def interval_s(self) -> int:
        """When peers are to announce again: soon, as long as all of them together stay below 100 announces a second."""
        return max(SHORTEST_INTERVAL_S, min(LONGEST_INTERVAL_S, len(self._peers) // _ANNOUNCES_PER_S))

    def update(self, peer: Peer, now_s: float) -> None:
        """Take note of a peer, and forget those that were not heard of three times in a row."""
        key = (peer.address, peer.port)
        self.remove(*key)
        self._peers[key] = peer
        self._expires_s[key] = now_s + 3 * self.interval_s + SHORTEST_INTERVAL_S
        self.complete += peer.complete
        if peer.place is not None:
            self._places.setdefault(peer.place, {})[key] = peer
        if now_s >= self._next_expiry_s:
            self._next_expiry_s = now_s + 1
            for silent in [one for one, when_s in self._expires_s.items() if when_s < now_s]:
                self.remove(*silent)

    def remove(self, address: IPAddress, port: int) -> None:
        """Forget a peer, if it is known."""
        peer = self._peers.pop((address, port), None)
        if peer is None:
            return
        del self._expires_s[address, port]
        self.complete -= peer.complete
        if peer.place is not None:
            del self._places[peer.place][address, port]
            if not self._places[peer.place]:
                del self._places[peer.place]

    def choose(self, asker: Peer, count: int = PEERS) -> list[Peer]:
        """At most `count` peers that are of use to the asker: three quarters near ones if there are any."""
        near = _useful(asker, self._places.get(asker.place or "", {}).values())
        chosen = random.sample(near, min(len(near), int(count * NEAR_SHARE)))
        taken = {(one.address, one.port) for one in chosen}
        # Twice as many as needed, for some are taken already or of no use.
        everyone = list(self._peers.values())
        some = random.sample(everyone, min(len(everyone), 2 * count + len(chosen)))
        chosen += (one for one in _useful(asker, some) if (one.address, one.port) not in taken)
        return chosen[:count]

    def may_have_seeder(self, asker: Peer) -> bool:
        """Whether the asker is one of the few that the controller serves itself, so that each of them gets much."""
        if asker.complete:
            return False
        return self.incomplete <= SEEDER_PEERS or zlib.crc32(asker.node.encode()) % self.incomplete < SEEDER_PEERS


def _useful(asker: Peer, peers: Iterable[Peer]) -> list[Peer]:
    return [
        one
        for one in peers
        if one.node != asker.node and one.peer_id != asker.peer_id and not (asker.complete and one.complete)
    ]
