"""What takes a version's shards as they complete, in any order, and in the end makes the node's root of them."""

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from luna_core.node.errors import DamagedShard, UnpackError
from luna_core.node.manifest import Manifest, Shard
from luna_core.node.tar import Entry, read_entries
from luna_core.node.zstd import decompress


class ShardTaker(ABC):
    """Takes `shards`, those of a manifest that this kind of root is made of, and the archive of private files.

    What was done before, half or twice, may be done again.
    """

    def __init__(self, manifest: Manifest, shards: Sequence[Shard], workers: int | None) -> None:
        self.shards = shards
        self._by_name = {shard.name: shard for shard in shards}
        self._private = manifest.private
        self._private_packed = b""
        self._pool = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)), thread_name_prefix="unpack")
        self._lock = threading.Lock()
        self._offered: dict[str, Future[None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, name: str, source: Path | bytes) -> "Future[None]":
        """Take the complete shard `name`, a file or its bytes, in the background; done already, it is not repeated.

        The future raises DamagedShard if these are not the shard's bytes, after which it may be offered again, and
        UnpackError or OSError if it can't be put in place. Raises UnpackError for a name that is not in `shards`.
        """
        if name not in self._by_name:
            raise UnpackError(f"The manifest has no shard {name!r}.")
        with self._lock:
            earlier = self._offered.get(name)
            if earlier is None or (earlier.done() and earlier.exception()):
                self._offered[name] = self._pool.submit(self._check, self._by_name[name], source)
            return self._offered[name]

    def offer_private(self, packed: bytes) -> None:
        """Take the archive of private files; raises DamagedShard if these are not its bytes."""
        if self._private:
            _verify(self._private, packed)
            self._private_packed = packed

    def missing(self) -> list[Shard]:
        """The shards that have not been taken yet, in the manifest's order."""
        with self._lock:
            return [shard for name, shard in self._by_name.items() if not self._is_done(name)]

    def is_missing(self, shard: Shard) -> bool:
        """Whether a shard has not been taken yet."""
        with self._lock:
            return not self._is_done(shard.name)

    @property
    def unpacked_bytes(self) -> int:
        """How much is in place, of the `unpacked_bytes` of all `shards`."""
        with self._lock:
            return sum(shard.unpacked_bytes for name, shard in self._by_name.items() if self._is_done(name))

    def finish(self) -> tuple[str, ...]:
        """Wait for what was offered, then make the root complete.

        Returns by name what it could not keep. Raises what a shard's future raised, or UnpackError if something is
        missing.
        """
        for future in list(self._offered.values()):
            future.result()
        if missing := self.missing():
            raise UnpackError(f"{len(missing)} shards are missing, the first is {missing[0].name}.")
        if self._private and not self._private_packed:
            raise UnpackError("The private files are missing.")
        return tuple(sorted(self.complete()))

    def close(self) -> None:
        """Stop the workers, dropping what they have not begun."""
        self._pool.shutdown(cancel_futures=True)

    @abstractmethod
    def take(self, shard: Shard, packed: bytes) -> None:
        """Put a verified shard in place; several threads may call this."""

    @abstractmethod
    def complete(self) -> Iterable[str]:
        """Everything is there: make the root of it; returns by name what could not be kept."""

    def private_entries(self) -> list[Entry]:
        """The private files, then their further names."""
        if self._private is None:
            return []
        return list(read_entries(decompress(self._private_packed, self._private.unpacked_bytes)))

    def _is_done(self, name: str) -> bool:
        future = self._offered.get(name)
        return future is not None and future.done() and not future.cancelled() and not future.exception()

    def _check(self, shard: Shard, source: Path | bytes) -> None:
        try:
            packed = source if isinstance(source, bytes) else source.read_bytes()
        except OSError as error:
            raise DamagedShard(f"Shard {shard.name} can't be read: {error}.") from error
        _verify(shard, packed)
        self.take(shard, packed)


def _verify(shard: Shard, packed: bytes) -> None:
    found = hashlib.sha256(packed).hexdigest()
    if found != shard.sha256:
        raise DamagedShard(f"Shard {shard.name} has SHA-256 {found}, not {shard.sha256}.")
