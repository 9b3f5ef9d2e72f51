"""One version being fetched and given away by libtorrent."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libtorrent

from luna_transport_torrent.node.web_seed import HOME, OTHER, UNWANTED, WebSeed
from luna_transport_torrent.profile import open_session

_MOST = 0.95


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to fetch: `torrent` is a file, `directory` where the shards go, below a folder named after the version.

    `wanted` are the shards to fetch, for a version has some for each kind of root.
    """

    torrent: str
    directory: str
    wanted: tuple[str, ...]
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
    """Fetches while it exists, and serves others what it has; `ends` is so while little is missing."""

    def __init__(self, request: Request) -> None:
        parameters = libtorrent.load_torrent_file(request.torrent)
        parameters.save_path = request.directory
        parameters.trackers = [request.tracker]
        flags = libtorrent.torrent_flags
        parameters.flags = flags.disable_dht | flags.disable_lsd | flags.disable_pex
        layout = libtorrent.torrent_info(request.torrent).layout()
        self._request = request
        wanted = set(request.wanted)
        names = {number: layout.file_path(number).partition("/")[2] for number in range(layout.num_files())}
        self._names = {number: name for number, name in names.items() if name in wanted}
        pieces = [layout.file_index_at_piece(piece) in self._names for piece in range(layout.num_pieces())]
        priorities = home_priorities(pieces, request.index, request.count)
        parameters.piece_priorities = priorities
        self._sizes = {number: layout.file_size(number) for number in self._names}
        self._server_bytes: dict[object, int] = {}
        self.ends = False
        self._session = open_session(request.port, request.request_queue)
        self._handle = self._session.add_torrent(parameters)
        self._web_seed = WebSeed(request.web_seed, self._handle, layout, priorities)

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
        self.ends = bool(self._names) and total > _MOST * sum(self._sizes.values())
        server = min(sum(self._server_bytes.values()), total)
        self._web_seed.help_if_needed(total, wanted=bool(self._names))
        return Traffic(peer_bytes=total - server, server_bytes=server + self._web_seed.received_bytes, peers=len(peers))

    def leave(self) -> None:
        """Leave the swarm, and tell the tracker; returns at once."""
        self._session.remove_torrent(self._handle)

    def problems(self) -> Iterator[str]:
        """What can't go on, since the last call."""
        for alert in self._session.pop_alerts():
            if isinstance(alert, libtorrent.file_error_alert | libtorrent.torrent_error_alert):
                yield alert.message()


def home_priorities(wanted: Sequence[bool], index: int, count: int) -> list[int]:
    """High priority for the pieces that are this node's to bring into the swarm: each piece is one node's.

    The permutation is the same on all nodes that want the same, and spreads every shard over many of them.
    """
    owners = [place % count for place in range(sum(wanted))]
    random.Random(len(owners)).shuffle(owners)  # noqa: S311 - it hides nothing
    return [(HOME if owners.pop() == index else OTHER) if one else UNWANTED for one in wanted]
