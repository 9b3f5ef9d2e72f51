"""One fetcher at work in a thread of its own, with what it brings counted apart."""

import time
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Final

from luna_core.node.fetcher import Delivery, FetchError, load_fetcher
from luna_core.node.job import Endpoint
from luna_core.node.manifest import Shard
from luna_core.node.report import Progress

STALL_S: Final = 15.0
# Until its first byte: a loaded node takes long to load a client, and whoever leaves the swarm costs the controller a
# whole copy.
START_S: Final = 60.0


class Lane:
    """A fetcher that has begun. Raises FetchError if there is none for the endpoint's transport."""

    def __init__(self, endpoint: Endpoint, delivery: Delivery) -> None:
        self.progress = Progress(total_bytes=delivery.progress.total_bytes, whole=delivery.progress)
        self.fetcher = load_fetcher(endpoint.transport)(endpoint, _Part(delivery, self.progress))
        delivery.say(f"fetching {len(delivery.missing())} shards by {endpoint.transport} from {endpoint.url}")
        self._failures: list[BaseException] = []
        self._thread = Thread(target=self._work, name=endpoint.transport, daemon=True)
        self._thread.start()

    @property
    def brought_bytes(self) -> int:
        """What this fetcher alone has received."""
        return self.progress.received_bytes

    def has_ended(self, timeout_s: float = 0.0) -> bool:
        """Whether its work is done, after waiting for at most so long. Raises what it failed with."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        for error in self._failures:
            raise error
        return True

    def stop(self) -> None:
        """End it, and whatever it started."""
        self.fetcher.stopped.set()
        self.fetcher.close()

    def _work(self) -> None:
        try:
            self.fetcher.run()
        except BaseException as error:
            self._failures.append(error)


class Patience:
    """Lasts while a number goes on growing: for START_S until it first does, then for STALL_S."""

    def __init__(self, value: int) -> None:
        self._seen, self._since_s, self._limit_s = value, time.monotonic(), START_S

    def spend(self, value: int) -> None:
        """Take note of the number. Raises FetchError if it has not grown for too long."""
        if value != self._seen:
            self._seen, self._since_s, self._limit_s = value, time.monotonic(), STALL_S
        elif time.monotonic() - self._since_s > self._limit_s:
            raise FetchError(f"Nothing came for {self._limit_s:g} s.")


class _Part(Delivery):
    """The delivery as one fetcher has it: its own progress, everything else shared."""

    def __init__(self, whole: Delivery, progress: Progress) -> None:
        super().__init__(whole.job, whole.manifest, whole.taker, progress, whole.say)
        self._whole = whole

    def deliver(self, shard: Shard, source: Path | bytes) -> "Future[None]":
        return self._whole.deliver(shard, source)
