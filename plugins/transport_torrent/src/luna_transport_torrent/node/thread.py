"""The peer in a thread of its fetcher's process: hundreds of nodes that aren't machines share a few processes.

LUNA_PEER=thread in the environment chooses it. It offers what PeerProcess offers, looks less often, and leaves the
swarm when its directory is removed.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Final

from luna_transport_torrent.node.session import Download, Request

_TICK_S: Final = 1.0
# Kept for good: the end of a session would hold up all threads until the tracker has heard of it.
_LEFT: Final[list[Download]] = []


class ThreadPeer:
    """Waits for `begin`, then fetches and seeds until `stop`, on the network of the thread that called `begin`."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "seeder.log"
        self._directory = directory
        self.events: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._stopped = Event()
        self._staying = Event()
        self._thread: Thread | None = None

    def begin(self, request: Mapping[str, object]) -> None:
        """Fetch; `request` is a session.Request."""
        self._thread = Thread(target=self._run, args=(request,), daemon=True)
        self._thread.start()

    def stay(self) -> None:
        """Seed on."""
        self._staying.set()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self, request: Mapping[str, Any]) -> None:
        try:
            lists = {name: tuple(request[name]) for name in ("controllers", "wanted")}
            download = Download(Request(**{**request, **lists}))
        except RuntimeError as error:
            self.events.put({"problem": str(error)})
            return
        while not self._stopped.wait(_TICK_S) and self._directory.exists():
            problems = list(download.problems())
            if not self._staying.is_set():
                self.events.put({"complete": download.complete(), "traffic": asdict(download.traffic())})
                for problem in problems:
                    self.events.put({"problem": problem})

        download.leave()
        _LEFT.append(download)
