"""How far the download is, told to the boot server every other second."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final

from luna_core.node.http import Connection, HttpError

INTERVAL_S: Final = 2.0
_TIMEOUT_S: Final = 5.0


@dataclass
class Progress:
    """Bytes of the image by where they came from; `kept_bytes` were in the work directory from before."""

    total_bytes: int
    kept_bytes: int = 0
    peer_bytes: int = 0
    server_bytes: int = 0
    peers: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def received_bytes(self) -> int:
        """What this node has got, from wherever, damaged bytes included."""
        return self.kept_bytes + self.peer_bytes + self.server_bytes

    @property
    def percent(self) -> float:
        """How much of the image is there; 100 at most, though damaged bytes may have been fetched twice."""
        return min(100.0, round(100 * self.received_bytes / self.total_bytes, 1)) if self.total_bytes else 100.0

    def add(self, *, kept: int = 0, peer: int = 0, server: int = 0) -> None:
        """Count bytes; any thread may."""
        with self._lock:
            self.kept_bytes += kept
            self.peer_bytes += peer
            self.server_bytes += server


class Reporter:
    """Posts the progress until it is closed. A boot server that doesn't answer never holds up the work."""

    def __init__(self, url: str, token: str, progress: Progress, say: Callable[[str], None]) -> None:
        self._url, self._token, self._progress, self._say = url, token, progress, say
        self._stop = Event()
        self._last = (time.monotonic(), progress.peer_bytes + progress.server_bytes)
        self._thread = Thread(target=self._run, name="report", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Post once more and stop."""
        self._stop.set()
        self._thread.join(_TIMEOUT_S + INTERVAL_S)

    def _run(self) -> None:
        failed = False
        while True:
            last_one = self._stop.wait(INTERVAL_S)
            try:
                self._post()
                failed = False
            except HttpError as error:
                if not failed:
                    self._say(f"reports fail: {error}")
                failed = True
            if last_one:
                return

    def _post(self) -> None:
        base, _, path = self._url.rpartition("/")
        connection = Connection(f"{base}/", timeout_s=_TIMEOUT_S)
        connection.post(path, self._facts(), {"Authorization": f"Bearer {self._token}"})

    def _facts(self) -> Mapping[str, object]:
        progress, (then, bytes_then) = self._progress, self._last
        now, transferred = time.monotonic(), progress.peer_bytes + progress.server_bytes
        self._last = (now, transferred)
        return {
            "phase": "download",
            "percent": progress.percent,
            "received_bytes": progress.received_bytes,
            "peer_bytes": progress.peer_bytes,
            "server_bytes": progress.server_bytes,
            "rate_bytes_s": int((transferred - bytes_then) / max(now - then, 0.001)),
            "peers": progress.peers,
        }
