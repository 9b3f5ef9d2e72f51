"""What fetches shards: the contract of a fetcher, and how the one of a transport is found.

A transport other than http brings its fetcher as `/usr/lib/luna/python/luna_fetchers/TRANSPORT.py`, placed there in the
initramfs by luna_initrd_files. The module has a class `Fetcher` that inherits from the one here.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Event, Lock

from luna_core.node.errors import DamagedShard
from luna_core.node.job import Endpoint, Job
from luna_core.node.manifest import Manifest, Shard
from luna_core.node.report import Progress
from luna_core.node.taker import ShardTaker

Say = Callable[[str], None]
"""Tells the console one line."""


class FetchError(Exception):
    """This way of fetching doesn't work now; the text is a sentence that says why."""


class Delivery:
    """Where shards go: what takes them, and how much has come. Kept across fetchers.

    `phase` is told when the phases unpack and download begin and end, more than once where that is found again.
    """

    def __init__(
        self,
        job: Job,
        manifest: Manifest,
        taker: ShardTaker,
        progress: Progress,
        say: Say,
        phase: Callable[[str, str], None] = lambda phase, status: None,
    ) -> None:
        self.job = job
        self.manifest = manifest
        self.taker = taker
        self.say = say
        self.progress = progress
        self.fatal: BaseException | None = None
        self._phase = phase
        self._lock = Lock()
        self._awaited = {shard.name for shard in taker.missing()}
        self._counted: set[str] = set()

    def deliver(self, shard: Shard, source: Path | bytes) -> "Future[None]":
        """Unpack a shard in the background; the future raises DamagedShard if these are not its bytes."""
        self._phase("unpack", "started")
        # A transport that gives files has verified them; what comes as bytes is verified when it is unpacked.
        if isinstance(source, Path):
            self._arrived(shard)
        future = self.taker.offer(shard.name, source)
        future.add_done_callback(partial(self._done, shard))
        return future

    def missing(self) -> list[Shard]:
        """What has not been unpacked yet, in the manifest's order."""
        return self.taker.missing()

    def is_missing(self, shard: Shard) -> bool:
        """Whether a shard is still worth fetching: another fetcher may be at work too, and have brought it."""
        return self.taker.is_missing(shard)

    def place(self, shard: Shard) -> Path:
        """Where a shard is kept in the work directory."""
        return self.job.directory / shard.name

    def _arrived(self, shard: Shard) -> None:
        with self._lock:
            self._awaited.discard(shard.name)
            complete = not self._awaited
        if complete:
            self._phase("download", "done")

    def _done(self, shard: Shard, future: "Future[None]") -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, DamagedShard):
            with self._lock:
                self._awaited.add(shard.name)
        elif error is None and not future.cancelled():
            with self._lock:
                # Two fetchers may bring the same shard.
                known = shard.name in self._counted
                self._counted.add(shard.name)
            self.progress.add(unpacked=0 if known else shard.unpacked_bytes)
            self._arrived(shard)
        # No other transport can help if the root is full or can't hold what it should.
        if error and not isinstance(error, DamagedShard):
            with self._lock:
                self.fatal = self.fatal or error


class Fetcher(ABC):
    """Fetches by one endpoint. `run` is called in a thread of its own, once, and `leave` or `close` after it.

    While one of a lower rank is at work, a better one is tried beside it now and then, and may take its place.
    """

    def __init__(self, endpoint: Endpoint, delivery: Delivery) -> None:
        self.endpoint = endpoint
        self.delivery = delivery
        self.stopped = Event()

    @abstractmethod
    def run(self) -> None:
        """Deliver all that is missing, counting bytes in `delivery.progress`; return soon once `stopped` is set.

        Raises FetchError to hand over to the next endpoint; so does whatever else it raises, 60 s without a
        first byte, or 15 s without another.
        """

    def leave(self) -> None:
        """The image is in place: leave behind what is to go on, and nothing else."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Stop everything that `run` started; called once, from another thread, after an error too."""


def load_fetcher(transport: str) -> type[Fetcher]:
    """The fetcher of a transport. Raises FetchError if this initramfs has none."""
    module = "luna_core.node.http_fetcher" if transport == "http" else f"luna_fetchers.{transport}"
    try:
        fetcher: type[Fetcher] = importlib.import_module(module).Fetcher
    except Exception as error:
        raise FetchError(f"There is no fetcher for transport {transport!r} here: {error}.") from error
    return fetcher
