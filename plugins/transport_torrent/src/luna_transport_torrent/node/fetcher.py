"""The fetcher of the transport torrent, as luna_core.node.fetcher wants it: runs the peer and passes on its shards."""

import os
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from luna_core.node import fetcher
from luna_core.node.errors import DamagedShard
from luna_core.node.fetcher import FetchError
from luna_core.node.http import Connection
from luna_core.node.job import derived_key
from luna_core.node.manifest import Shard
from luna_transport_torrent.node.process import PeerProcess, stop_earlier_peer

if TYPE_CHECKING:
    from luna_transport_torrent.node.thread import ThreadPeer

_TICK_S: Final = 0.2
# While shards are being unpacked; the last of them ends the fetch.
_SHORT_TICK_S: Final = 0.05
# How often a complete shard may look damaged: its last bytes reach the disk a moment after libtorrent says so.
_ATTEMPTS: Final = 160


class Fetcher(fetcher.Fetcher):
    """Delivers shards as they complete; the peer seeds on after `leave`, until whoever ends it by seeder.pid."""

    _process: "PeerProcess | ThreadPeer | None" = None
    _counted = (0, 0)

    def run(self) -> None:
        """Fetch what is missing. Raises FetchError if the peer fails, HttpError if there is no torrent."""
        work = self.delivery.job.work_directory
        work.mkdir(parents=True, exist_ok=True)
        stop_earlier_peer(work)
        # It loads libtorrent while the torrent is fetched.
        self._process = _new_peer(work)
        self._process.begin(self._request(self._fetch_torrent(work)))
        complete: dict[str, _Waiting] = {}
        # Another fetcher may bring some of them.
        while (shards := {one.name: one for one in self.delivery.missing()}) and not self.stopped.is_set():
            tick_s = _SHORT_TICK_S if complete else _TICK_S
            with suppress(Empty):
                for name in self._heed(self._process, self._process.events.get(timeout=tick_s)):
                    if name in shards:
                        complete[name] = _Waiting(shards[name])
            for name in [name for name, one in complete.items() if self._is_unpacked(one)]:
                del complete[name]

    def leave(self) -> None:
        """Let the peer seed on."""
        if self._process:
            self._process.stay()

    def close(self) -> None:
        """End the peer."""
        if self._process:
            self._process.stop()

    def _heed(self, process: "PeerProcess | ThreadPeer", event: Mapping[str, Any] | None) -> list[str]:
        """Count what came; returns the names of shards that became complete."""
        if event is None:
            raise FetchError(f"The peer ended; its log is {process.log}.")
        if "problem" in event:
            raise FetchError(str(event["problem"]))
        peer, server = event["traffic"]["peer_bytes"], event["traffic"]["server_bytes"]
        self.delivery.progress.add(peer=peer - self._counted[0], server=server - self._counted[1])
        self.delivery.progress.peers = event["traffic"]["peers"]
        self._counted = (peer, server)
        names: list[str] = event["complete"]
        return names

    def _is_unpacked(self, one: "_Waiting") -> bool:
        if one.future is None or (one.future.done() and isinstance(one.future.exception(), DamagedShard)):
            if one.attempts == _ATTEMPTS:
                raise FetchError(f"{one.shard.name} is damaged on disk.")
            one.attempts += 1
            place = self.delivery.place(one.shard)
            one.future = self.delivery.deliver(one.shard, place) if place.exists() else None
        return one.future is not None and one.future.done() and not one.future.exception()

    def _fetch_torrent(self, work: Path) -> Path:
        base, _, name = self.endpoint.url.rpartition("/")
        connection = Connection(f"{base}/")
        try:
            torrent = connection.get(name)
        finally:
            connection.close()
        path = work / name
        path.write_bytes(torrent)
        return path

    def _request(self, torrent: Path) -> Mapping[str, object]:
        """As luna_transport_torrent.node.session.Request."""
        job, parameters = self.delivery.job, self.endpoint.parameters
        return {
            "torrent": str(torrent),
            "directory": str(job.work_directory),
            "wanted": [shard.name for shard in self.delivery.taker.shards],
            "tracker": f"{parameters['tracker']}{derived_key(job.token, 'tracker')}/announce",
            "web_seed": parameters["base"].removesuffix(f"{job.manifest_sha256}/"),
            "controllers": parameters.get("controllers", "").split(","),
            "index": job.index,
            "count": job.count,
            "port": int(parameters["port"]),
            "request_queue": int(parameters["request_queue"]),
        }


def _new_peer(work: Path) -> "PeerProcess | ThreadPeer":
    if os.environ.get("LUNA_PEER") != "thread":
        return PeerProcess(work)
    from luna_transport_torrent.node.thread import ThreadPeer

    return ThreadPeer(work)


class _Waiting:
    """A shard on its way."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.future: Future[None] | None = None
        self.attempts = 0
