"""One version being fetched and given away by libtorrent."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import libtorrent

from luna_transport_torrent.node.web_seed import WebSeed
from luna_transport_torrent.profile import open_session

HOME, OTHER = 7, 4


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to fetch: `torrent` is a file, `directory` where the shards go, below a folder named after the version."""

    torrent: str
    directory: str
    tracker: str
    web_seed: str
    controllers: tuple[str, ...]
    index: int
    count: int
    port: int
    request_queue: int


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Payload received, by where it came from, and how many peers there are."""

    peer_bytes: int
    server_bytes: int
    peers: int


class Download:
    """Fetches while it exists, and serves others what it has."""

    def __init__(self, request: Request) -> None:
        parameters = libtorrent.load_torrent_file(request.torrent)
        parameters.save_path = request.directory
        parameters.trackers = [request.tracker]
        flags = libtorrent.torrent_flags
        parameters.flags = flags.disable_dht | flags.disable_lsd | flags.disable_pex
        layout = libtorrent.torrent_info(request.torrent).layout()
        priorities = home_priorities(layout.num_pieces(), request.index, request.count)
        parameters.piece_priorities = priorities
        self._request = request
        self._names = {
            number: layout.file_path(number).partition("/")[2]
            for number in range(layout.num_files())
            if not layout.file_flags(number) & libtorrent.file_storage.flag_pad_file
        }
        self._sizes = {number: layout.file_size(number) for number in self._names}
        self._server_bytes: dict[object, int] = {}
        self._session = open_session(request.port, request.request_queue)
        self._handle = self._session.add_torrent(parameters)
        homes = [piece for piece, priority in enumerate(priorities) if priority == HOME]
        self._web_seed = WebSeed(request.web_seed, self._handle, layout, homes)

    def complete(self) -> list[str]:
        """The files that became complete since the last call; their last bytes may not be on disk yet."""
        progress = self._handle.file_progress(libtorrent.file_progress_flags_t.piece_granularity)
        done = [number for number in self._names if progress[number] == self._sizes[number]]
        if done:
            # Else the last blocks stay in memory until others push them out.
            self._handle.flush_cache()
        return [self._names.pop(number) for number in done]

    def traffic(self) -> Traffic:
        """What came from whom. The controller's own connections are counted, everything else came from peers."""
        peers = self._handle.get_peer_info()
        for peer in peers:
            if peer.ip[0] in self._request.controllers:
                self._server_bytes[peer.ip, peer.local_endpoint()] = peer.total_download
        total = self._handle.status().total_payload_download
        server = min(sum(self._server_bytes.values()), total)
        self._web_seed.help_if_needed(total, wanted=bool(self._names))
        return Traffic(peer_bytes=total - server, server_bytes=server + self._web_seed.received_bytes, peers=len(peers))

    def problems(self) -> Iterator[str]:
        """What can't go on, since the last call."""
        for alert in self._session.pop_alerts():
            if isinstance(alert, libtorrent.file_error_alert | libtorrent.torrent_error_alert):
                yield alert.message()


def home_priorities(pieces: int, index: int, count: int) -> list[int]:
    """High priority for the pieces that are this node's to bring into the swarm: each piece is one node's.

    The permutation is the same on all nodes and spreads every shard over many of them.
    """
    order = list(range(pieces))
    random.Random(pieces).shuffle(order)  # noqa: S311 - it hides nothing
    return [HOME if order[piece] % count == index else OTHER for piece in range(pieces)]
