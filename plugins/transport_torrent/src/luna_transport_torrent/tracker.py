"""The tracker: a WSGI application (PEP 3333) that speaks BEP 3, 7, 23 and 48 with nodes that are being installed.

Its URL is `/announce/KEY/announce`. KEY proves to be of a boot session: the boot server puts a function under
`luna.session_node` into the WSGI environment that takes the key and the asker's address, and returns the facts of the
node whose live session that is, or None. The key is `luna_core.node.job.derived_key(token, "tracker")`.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from luna_core.settings import machine_settings
from luna_core.types import IPAddress, Node
from luna_transport_torrent import bencode
from luna_transport_torrent.swarm import NEAR_SHARE, PEERS, Peer, Swarm

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

SESSION_NODE = "luna.session_node"
SessionNode = Callable[[str, str], Node | None]
Answer = dict[bytes, bencode.Value]
# BEP 3, and for a node that has all that it wants, but not all that there is, BEP 21.
_PAUSED = b"paused"
_EVENTS = (b"", b"started", b"completed", b"stopped", _PAUSED)


class Refused(Exception):
    """What the client is told as failure reason."""


class Query:
    """The parameters of a request, in bytes, for hashes are no text; a plus sign is itself (RFC 3986)."""

    def __init__(self, text: str) -> None:
        pairs = [pair.partition("=") for pair in text.split("&") if pair]
        self._pairs = [(name, unquote_to_bytes(value)) for name, _, value in pairs]

    def all(self, name: str) -> list[bytes]:
        """Every value of a parameter."""
        return [value for one, value in self._pairs if one == name]

    def hash(self, name: str) -> bytes:
        """A hash or peer id of 20 bytes. Raises Refused for anything else."""
        values = self.all(name)
        if len(values) != 1 or len(values[0]) != 20:
            raise Refused(f"{name} is missing or not 20 bytes long")
        return values[0]

    def number(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number. Raises Refused if it is none, out of range, or missing without a default."""
        values = self.all(name)
        if not values and default is not None:
            return default
        if len(values) != 1 or not values[0].isdigit() or len(values[0]) > 19 or not least <= int(values[0]) <= most:
            raise Refused(f"{name} is missing or not a number from {least} to {most}")
        return int(values[0])


class Published:
    """The torrents in a directory, looked at again when it changes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._changed_ns = -1
        self._hashes: frozenset[bytes] = frozenset()

    def hashes(self) -> frozenset[bytes]:
        """The truncated v2 info-hash of each (BEP 52)."""
        try:
            changed_ns = self._directory.stat().st_mtime_ns
        except FileNotFoundError:
            return frozenset()
        if changed_ns != self._changed_ns:
            self._hashes = frozenset(_info_hash(path) for path in self._directory.glob("*.torrent"))
            self._changed_ns = changed_ns
        return self._hashes


class Tracker:
    """Keeps its swarms in memory: after a restart they fill again within one interval. Threads may share it."""

    def __init__(self, known: Callable[[], frozenset[bytes]], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = known
        self._clock = clock
        self._lock = Lock()
        self._swarms: dict[bytes, Swarm] = {}

    def __call__(self, environ: Mapping[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request; whatever is wrong with it, HTTP says 200 and the body why (BEP 3)."""
        try:
            answer = self._answer(environ)
        except Refused as error:
            answer = {b"failure reason": str(error).encode()}
        body = bencode.encode(answer)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        _, key, action = ["", *environ.get("PATH_INFO", "").strip("/").split("/", 1), ""][:3]
        session_node: SessionNode = environ.get(SESSION_NODE, lambda key, address: None)
        address = ip_address(environ["REMOTE_ADDR"])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        node = session_node(key, str(address))
        if node is None:
            raise Refused("this is not the key of a boot session")
        query = Query(environ.get("QUERY_STRING", ""))
        if action == "announce":
            return self._announce(node, address, query)
        if action == "scrape":
            return self._scrape(query)
        raise Refused("accepted are announce and scrape")

    def _announce(self, node: Node, address: IPAddress, query: Query) -> Answer:
        info_hash = query.hash("info_hash")
        event = (query.all("event") or [b""])[0]
        if info_hash not in self._known():
            raise Refused("this is not a published version")
        if event not in _EVENTS:
            raise Refused("event is none of started, completed, stopped and paused")
        near_share = _near_share(node)
        peer = Peer(
            node=node.name,
            peer_id=query.hash("peer_id"),
            address=address,
            port=query.number("port", 1, 65535),
            place=(node.switch or node.rack) if near_share else None,
            left=0 if event == _PAUSED else query.number("left", 0, 1 << 62, default=0),
        )
        wanted = query.number("numwant", 0, 1 << 31, default=PEERS)
        with self._lock:
            swarm = self._swarm(info_hash)
            if event == b"stopped":
                swarm.remove(peer.address, peer.port)
                return _peers([], compact=True) | _counts(swarm)
            swarm.update(peer, self._clock())
            swarm.downloaded += event == b"completed"
            chosen = swarm.choose(peer, near_share, min(wanted, PEERS))
            if wanted and swarm.may_have_seeder(peer):
                chosen = [*_seeders(node), *chosen]
            return _peers(chosen, compact=query.all("compact") != [b"0"]) | _counts(swarm)

    def _scrape(self, query: Query) -> Answer:
        known = self._known()
        with self._lock:
            return {b"files": {one: _scraped(self._swarm(one)) for one in query.all("info_hash") if one in known}}

    def _swarm(self, info_hash: bytes) -> Swarm:
        for gone in self._swarms.keys() - self._known():
            del self._swarms[gone]
        return self._swarms.setdefault(info_hash, Swarm())


def application(environ: Mapping[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
    """The tracker of this machine's published versions."""
    return _tracker()(environ, start_response)


@cache
def _tracker() -> Tracker:
    return Tracker(Published(machine_settings().public_directory / "torrents").hashes)


def _info_hash(path: Path) -> bytes:
    try:
        torrent = bencode.decode(path.read_bytes())
    except (OSError, ValueError):
        return b""
    info = torrent.get(b"info", b"") if isinstance(torrent, Mapping) else b""
    return hashlib.sha256(bencode.encode(info)).digest()[:20]


def _near_share(node: Node) -> float:
    given = node.cluster.settings.get("torrent.near_share", NEAR_SHARE)
    return min(1.0, max(0.0, float(str(given))))


def _seeders(node: Node) -> list[Peer]:
    port = node.cluster.settings.get("torrent.port", 6881)
    return [
        Peer(node="", peer_id=b"luna-seeder".ljust(20, b"-"), address=one, port=int(str(port)), place=None, left=0)
        for one in node.frontends()
    ]


def _peers(peers: list[Peer], *, compact: bool) -> Answer:
    if not compact:
        facts: list[Answer] = [
            {b"peer id": one.peer_id, b"ip": str(one.address).encode(), b"port": one.port} for one in peers
        ]
        return {b"peers": facts}
    packed = [(one.address.version, one.address.packed + one.port.to_bytes(2, "big")) for one in peers]
    return {
        b"peers": b"".join(one for version, one in packed if version == 4),
        b"peers6": b"".join(one for version, one in packed if version == 6),
    }


def _counts(swarm: Swarm) -> Answer:
    counts = {b"complete": swarm.complete, b"incomplete": swarm.incomplete}
    return {b"interval": swarm.interval_s, b"min interval": 2, **counts}


def _scraped(swarm: Swarm) -> Answer:
    return {b"complete": swarm.complete, b"incomplete": swarm.incomplete, b"downloaded": swarm.downloaded}
