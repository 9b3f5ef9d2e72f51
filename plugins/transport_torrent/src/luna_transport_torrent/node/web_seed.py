"""The file server as a seed of last resort, where nobody in the swarm has what is missing.

libtorrent's own web seed (BEP 19) would have every node load the same pieces, beside the seeder, and 2.1.1 fills the
last block of a file with zeros, so that no such piece of a v2 torrent passes. Here each node loads the pieces that are
its to bring into the swarm: all nodes together take one copy from the controller, as with a seeder.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from threading import Thread
from typing import TYPE_CHECKING, Final

import libtorrent

if TYPE_CHECKING:
    from luna_core.node.http import Connection

# Of a piece: this node's to bring into the swarm, another's, or nobody's that makes the same kind of root.
HOME: Final = 7
OTHER: Final = 4
UNWANTED: Final = 0
_STALL_S: Final = 5.0
_PAUSE_S: Final = 1.0
_RETRY_S: Final = 5.0


class WebSeed:
    """Adds pieces to a torrent whose files are at `base_url` under their names, by the priority that each piece has."""

    def __init__(
        self,
        base_url: str,
        handle: libtorrent.torrent_handle,
        layout: libtorrent.file_storage,
        priorities: Sequence[int],
    ) -> None:
        self.received_bytes = 0
        self._base_url = base_url
        self._handle = handle
        self._layout = layout
        self._wanted = [piece for piece, priority in enumerate(priorities) if priority != UNWANTED]
        self._homes = [piece for piece in self._wanted if priorities[piece] == HOME]
        self._grown_s = time.monotonic()
        self._total = 0
        self._loads: Counter[int] = Counter()
        self._due_s: dict[int, float] = {}
        self._thread: Thread | None = None

    def help_if_needed(self, total_bytes: int, *, wanted: bool) -> None:
        """Begin to load when `total_bytes`, what came from the swarm, hasn't grown for a while."""
        if total_bytes != self._total or not wanted:
            self._total, self._grown_s = total_bytes, time.monotonic()
        elif self._thread is None and time.monotonic() - self._grown_s > _STALL_S:
            self._thread = Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        # Half of a peer's start would go into modules for what it hardly ever does.
        from luna_core.node.http import Connection, HttpError

        connection = Connection(self._base_url)
        while missing := self._missing():
            now_s = time.monotonic()
            due = {piece for piece in missing if self._due_s.get(piece, now_s) <= now_s}
            homes = [piece for piece in self._homes if piece in due]
            # Others load theirs meanwhile; what still doesn't come belongs to a node that isn't there.
            if not due or (not homes and now_s - self._grown_s < _PAUSE_S):
                time.sleep(_PAUSE_S / 10)
                continue
            try:
                self._load(connection, random.choice(homes or sorted(due)))  # noqa: S311 - it hides nothing
            except HttpError:
                time.sleep(_RETRY_S)

    def _missing(self) -> set[int]:
        pieces = self._handle.status(libtorrent.torrent_handle.query_pieces).pieces
        # Empty until the files on disk have been checked.
        return {piece for piece in self._wanted if not pieces or not pieces[piece]}

    def _load(self, connection: "Connection", piece: int) -> None:
        length = self._layout.piece_length()
        file = self._layout.file_index_at_piece(piece)
        offset = piece * length - self._layout.file_offset(file)
        size = min(length, self._layout.file_size(file) - offset)
        body = connection.get(self._layout.file_path(file), size_bytes=size, offset=offset)
        self.received_bytes += size
        # What is damaged there is asked for so seldom that the fetcher is seen to bring no more.
        self._loads[piece] += 1
        self._due_s[piece] = time.monotonic() + _RETRY_S * 4 ** self._loads[piece]
        self._handle.add_piece(piece, body, 0)
