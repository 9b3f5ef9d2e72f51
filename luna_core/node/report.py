"""How far the download is, told to the boot server every few seconds, and when its two phases begin and end."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final

from luna_core.node.http import Connection, HttpError
from luna_core.node.job import Job

# Between two reports. All nodes that fetch the same may do so at once, and a report takes half a millisecond of lweb.
SHORTEST_INTERVAL_S: Final = 2.0
LONGEST_INTERVAL_S: Final = 30.0
MOST_REPORTS_PER_S: Final = 64
_TIMEOUT_S: Final = 5.0
_COMMAND_TIMEOUT_S: Final = 30.0


@dataclass
class Progress:
    """Bytes of the image by where they came from; `kept_bytes` were in the work directory from before.

    What is added counts for the `whole` too, of which this is a part.
    """

    total_bytes: int
    unpacked_total_bytes: int = 0
    kept_bytes: int = 0
    peer_bytes: int = 0
    server_bytes: int = 0
    unpacked_bytes: int = 0
    peers: int = 0
    whole: "Progress | None" = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def received_bytes(self) -> int:
        """What this node has got, from wherever, damaged bytes included."""
        return self.kept_bytes + self.peer_bytes + self.server_bytes

    @property
    def percent(self) -> float:
        """How much of the image is there; 100 at most, though damaged bytes may have been fetched twice."""
        return _percent(self.received_bytes, self.total_bytes)

    @property
    def unpacked_percent(self) -> float:
        """How much of the image is unpacked."""
        return _percent(self.unpacked_bytes, self.unpacked_total_bytes)

    def add(self, *, kept: int = 0, peer: int = 0, server: int = 0, unpacked: int = 0) -> None:
        """Count bytes; any thread may."""
        with self._lock:
            self.kept_bytes += kept
            self.peer_bytes += peer
            self.server_bytes += server
            self.unpacked_bytes += unpacked
        if self.whole:
            self.whole.add(kept=kept, peer=peer, server=server, unpacked=unpacked)


class Reporter:
    """Posts the progress until it is closed. A boot server that doesn't answer never holds up the work."""

    def __init__(self, job: Job, progress: Progress, say: Callable[[str], None]) -> None:
        self._job, self._progress, self._say = job, progress, say
        self._token = job.token
        self._interval_s = interval_s(job.count)
        self._last = (time.monotonic(), 0, 0)
        self._told: set[tuple[str, str]] = set()
        self._lock = Lock()
        self._waiting: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="report", daemon=True)
        self._thread.start()

    def phase(self, phase: str, status: str) -> None:
        """Report that a phase began or ended, once; any thread may."""
        with self._lock:
            if (phase, status) not in self._told:
                self._told.add((phase, status))
                self._waiting.put((phase, status))

    def close(self) -> None:
        """Report what is waiting, the progress once more, and stop."""
        self._waiting.put(None)
        self._thread.join(_COMMAND_TIMEOUT_S + _TIMEOUT_S + self._interval_s)

    def _run(self) -> None:
        failed = False
        last_one = False
        while not last_one:
            try:
                waiting = self._waiting.get(timeout=self._interval_s)
                if waiting:
                    self._tell(waiting)
                    continue
                last_one = True
            except Empty:
                pass
            try:
                self._post()
                failed = False
            except HttpError as error:
                if not failed:
                    self._say(f"reports fail: {error}")
                failed = True

    def _tell(self, event: tuple[str, str]) -> None:
        if command := self._job.report_command:
            os.waitpid(os.posix_spawnp(command[0], [*command, *event], os.environ), 0)

    def _post(self) -> None:
        base, _, path = self._job.report_url.rpartition("/")
        connection = Connection(f"{base}/", timeout_s=_TIMEOUT_S)
        connection.post(path, self._facts(), {"Authorization": f"Bearer {self._token}"})

    def _facts(self) -> Mapping[str, object]:
        progress, (then, transferred_then, unpacked_then) = self._progress, self._last
        now, transferred, unpacked = (
            time.monotonic(),
            progress.peer_bytes + progress.server_bytes,
            progress.unpacked_bytes,
        )
        self._last = (now, transferred, unpacked)
        passed_s = max(now - then, 0.001)
        return {
            "phase": "unpack" if ("download", "done") in self._told else "download",
            "percent": progress.percent,
            "received_bytes": progress.received_bytes,
            "peer_bytes": progress.peer_bytes,
            "server_bytes": progress.server_bytes,
            "rate_bytes_s": int((transferred - transferred_then) / passed_s),
            "peers": progress.peers,
            "unpacked_percent": progress.unpacked_percent,
            "unpacked_bytes": progress.unpacked_bytes,
            "unpack_rate_bytes_s": int((unpacked - unpacked_then) / passed_s),
        }


def interval_s(nodes: int) -> float:
    """How long each of so many nodes waits between two reports."""
    return min(LONGEST_INTERVAL_S, max(SHORTEST_INTERVAL_S, nodes / MOST_REPORTS_PER_S))


def _percent(part: int, whole: int) -> float:
    return min(100.0, round(100 * part / whole, 1)) if whole else 100.0
