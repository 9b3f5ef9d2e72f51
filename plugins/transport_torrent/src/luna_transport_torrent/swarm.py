"""Who fetches or has a version, and whom each of them is told of: near peers, and a few in each place also far ones.

A connection carries pieces both ways, so an image crosses a rack's uplink as often as its nodes have far connections.
Therefore one node of a place in eight, those that came first, fetch from the seeder and from those of other places, a
few more have a single far peer, and all others have their neighbours only.
"""

import math
import random
import statistics
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from luna_core.types import IPAddress

PEERS: Final = 50
NEAR_SHARE: Final = 0.75
PEERS_OF_A_LEADER: Final = 8
LEAST_LINKED: Final = 2
SLOW_SHARE: Final = 0.5
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
    """The peers of one version. Not thread safe; `now_s` may be any clock that only goes forward.

    `near_share` is the share of a place's peers that are told of near ones only, where there are other places.
    """

    def __init__(self) -> None:
        self.downloaded = 0
        self._peers: dict[tuple[IPAddress, int], Peer] = {}
        self._expires_s: dict[tuple[IPAddress, int], float] = {}
        self._began: dict[tuple[IPAddress, int], tuple[float, int]] = {}
        self._rates: dict[tuple[IPAddress, int], float] = {}
        self._places: dict[str | None, dict[tuple[IPAddress, int], Peer]] = {}
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
        earlier = self._peers.get(key)
        if earlier and earlier.place != peer.place:
            self.remove(*key)
            earlier = None
        # Who is known keeps its turn, so that the same few have far peers as long as they are here.
        self._peers[key] = self._places.setdefault(peer.place, {})[key] = peer
        self._expires_s[key] = now_s + 3 * self.interval_s + SHORTEST_INTERVAL_S
        self.complete += peer.complete - (earlier.complete if earlier else 0)
        if now_s >= self._next_expiry_s:
            self._next_expiry_s = now_s + 1
            for silent in [one for one, when_s in self._expires_s.items() if when_s < now_s]:
                self.remove(*silent)
        if earlier is None or earlier.left < peer.left:
            self._began[key] = now_s, peer.left
        self._judge(peer, now_s)

    def remove(self, address: IPAddress, port: int) -> None:
        """Forget a peer, if it is known."""
        peer = self._peers.pop((address, port), None)
        if peer is None:
            return
        del self._expires_s[address, port], self._began[address, port]
        self._rates.pop((address, port), None)
        self.complete -= peer.complete
        del self._places[peer.place][address, port]
        if not self._places[peer.place]:
            del self._places[peer.place]

    def choose(self, asker: Peer, near_share: float, count: int = PEERS) -> list[Peer]:
        """At most `count` peers that are of use to the asker, a quarter of them far ones if it leads its place."""
        near = _some(asker, self._places.get(asker.place, {}).values() if asker.place else (), count)
        if self._is_of_first(self._leaders(asker.place), asker):
            far = _some(asker, self._leaders_elsewhere(asker), max(count - len(near), count // 4))
        elif self._is_of_first(self._linked(asker.place, near_share), asker):
            leaders = _some(asker, self._leaders_elsewhere(asker), len(self._places))
            # The same one each time, or there would soon be many.
            far = [min(leaders, key=lambda one: zlib.crc32(f"{asker.node} {one.node}".encode()))] if leaders else []
        else:
            far = []
        return (far + near)[:count]

    def may_have_seeder(self, asker: Peer) -> bool:
        """Whether the asker is one of the few that the controller serves itself, so that each of them gets much."""
        if asker.complete or not self._is_of_first(self._leaders(asker.place), asker):
            return False
        leaders = sum(self._leaders(place) for place in self._places)
        return leaders <= SEEDER_PEERS or zlib.crc32(asker.node.encode()) % leaders < SEEDER_PEERS

    def _judge(self, peer: Peer, now_s: float) -> None:
        """Put one of a place's first last if it is slow while its neighbours, a few of whom have far peers, are not.

        Those of other places don't count, lest one after another fetch by an uplink that is slow.
        """
        key, (began_s, left) = (peer.address, peer.port), self._began[peer.address, peer.port]
        if peer.complete or now_s == began_s:
            self._rates.pop(key, None)
            return
        self._rates[key] = (left - peer.left) / (now_s - began_s)
        peers, leaders = self._places[peer.place], self._leaders(peer.place)
        # Until the second announce a pause of everybody looks as if the first to announce were slow.
        known = now_s - began_s >= 2 * self.interval_s
        if known and leaders < len(peers) and self._is_of_first(leaders, peer):
            usual = statistics.median(self._rates[one] for one in peers if one in self._rates)
            if self._rates[key] < SLOW_SHARE * usual:
                peers[key] = peers.pop(key)

    def _is_of_first(self, number: int, asker: Peer) -> bool:
        """Whether the asker is one of the first `number` peers of its place."""
        peers = self._places.get(asker.place, {})
        return number >= len(peers) or (asker.address, asker.port) in islice(peers, number)

    def _leaders(self, place: str | None) -> int:
        """How many of a place's peers fetch from elsewhere: all if there is no other place, or nobody knows places."""
        peers = len(self._places.get(place, ()))
        return peers if place is None or len(self._places) == 1 else max(1, peers // PEERS_OF_A_LEADER)

    def _linked(self, place: str | None, near_share: float) -> int:
        """How many of a place's peers have a far one at least, lest all depend on a leader that is slow or gone."""
        return max(LEAST_LINKED, math.ceil(len(self._places.get(place, ())) * (1 - near_share)))

    def _leaders_elsewhere(self, asker: Peer) -> Iterable[Peer]:
        # Chained, not yielded one by one: without places these are thousands, at each announce of each of them.
        places = [(place, peers) for place, peers in self._places.items() if place is None or place != asker.place]
        return chain.from_iterable(islice(peers.values(), self._leaders(place)) for place, peers in places)


def _some(asker: Peer, peers: Iterable[Peer], count: int) -> list[Peer]:
    everyone = list(peers)
    # Twice as many as needed, for some are of no use.
    some = random.sample(everyone, min(len(everyone), 2 * count + 1))
    return [
        one
        for one in some
        if one.node != asker.node and one.peer_id != asker.peer_id and not (asker.complete and one.complete)
    ][:count]
