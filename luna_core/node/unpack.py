"""Shards in any order → the image under a root directory."""

import hashlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from luna_core.node.errors import DamagedShard, UnpackError
from luna_core.node.manifest import Kind, Manifest, Shard
from luna_core.node.place import Placer
from luna_core.node.tar import LINK, Entry, read_entries
from luna_core.node.zstd import decompress


class Unpacker:
    """Unpacks a manifest's shards below `root`, an existing directory, as they complete.

    Each worker holds one shard at a time, packed and unpacked: 9 MB as a rule, 20 MB at most. What was done before,
    half or twice, may be done again: until `finish` has made files immutable, the outcome is the same.
    """

    def __init__(self, root: Path, manifest: Manifest, *, workers: int | None = None) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._shards = {shard.name: shard for shard in manifest.shards}
        self._pool = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)), thread_name_prefix="unpack")
        self._lock = threading.Lock()
        self._offered: dict[str, Future[None]] = {}
        self._kept: dict[str, bytes] = {}
        self._flagged: dict[bytes, Entry] = {}
        self._lost: set[str] = set()
        self._private = manifest.private

    def __enter__(self) -> "Unpacker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, name: str, source: Path | bytes) -> Future[None]:
        """Unpack the complete shard `name`, a file or its bytes, in the background; done already, it is not repeated.

        The future raises DamagedShard if these are not the shard's bytes, after which it may be offered again, and
        UnpackError or OSError if it can't be unpacked. Raises UnpackError for a name that the manifest doesn't know.
        """
        if name not in self._shards:
            raise UnpackError(f"The manifest has no shard {name!r}.")
        with self._lock:
            earlier = self._offered.get(name)
            if earlier is None or (earlier.done() and earlier.exception()):
                self._offered[name] = self._pool.submit(self._unpack, self._shards[name], source)
            return self._offered[name]

    def missing(self) -> list[Shard]:
        """The shards that have not been unpacked yet, in the manifest's order."""
        with self._lock:
            return [shard for name, shard in self._shards.items() if not self._is_done(name)]

    @property
    def unpacked_bytes(self) -> int:
        """How much is unpacked, of the manifest's `unpacked_bytes`."""
        with self._lock:
            return sum(shard.unpacked_bytes for name, shard in self._shards.items() if self._is_done(name))

    def place_private(self, packed: bytes) -> None:
        """Unpack the archive of private files. Raises DamagedShard if these are not its bytes, else as `finish`."""
        assert self._private is not None  # noqa: S101 - asked for only if the manifest has it
        self._unpack(self._private, packed)
        self._private = None

    def finish(self) -> tuple[str, ...]:
        """Wait for what was offered, then set links, directories' attributes and inode flags.

        Returns by name what this file system could not keep. Raises what a shard's future raised, or UnpackError if
        shards are missing.
        """
        for future in list(self._offered.values()):
            future.result()
        if missing := self.missing():
            raise UnpackError(f"{len(missing)} shards are missing, the first is {missing[0].name}.")
        if self._private:
            raise UnpackError("The private files are missing.")
        with Placer(self._root) as placer:
            self._complete(placer)
        return tuple(sorted(self._lost.union(placer.lost)))

    def close(self) -> None:
        """Stop the workers, dropping what they have not begun."""
        self._pool.shutdown(cancel_futures=True)
        if self._root >= 0:
            os.close(self._root)
        self._root = -1

    def _is_done(self, name: str) -> bool:
        future = self._offered.get(name)
        return future is not None and future.done() and not future.cancelled() and not future.exception()

    def _unpack(self, shard: Shard, source: Path | bytes) -> None:
        packed = source if isinstance(source, bytes) else source.read_bytes()
        found = hashlib.sha256(packed).hexdigest()
        if found != shard.sha256:
            raise DamagedShard(f"Shard {shard.name} has SHA-256 {found}, not {shard.sha256}.")
        if shard.kind in (Kind.DIRECTORIES, Kind.LINKS):
            self._kept[shard.name] = packed
            return
        flagged = {}
        with Placer(self._root) as placer:
            for entry in read_entries(decompress(packed, shard.unpacked_bytes)):
                if entry.kind == LINK:
                    placer.link(entry)
                    continue
                placer.file(entry)
                if entry.flags:
                    entry.regions = []
                    flagged[entry.path] = entry
        with self._lock:
            self._flagged.update(flagged)
            self._lost.update(placer.lost)

    def _complete(self, placer: Placer) -> None:
        directories = self._entries(Kind.DIRECTORIES)
        for entry in directories:
            placer.directory(entry)
        for entry in self._entries(Kind.LINKS):
            placer.link(entry)
        for entry in directories:
            placer.directory_attributes(entry)
        for entry in [*self._flagged.values(), *(entry for entry in directories if entry.flags)]:
            placer.flags(entry)

    def _entries(self, kind: Kind) -> list[Entry]:
        kept = [shard for shard in self._shards.values() if shard.kind is kind]
        return [
            entry for shard in kept for entry in read_entries(decompress(self._kept[shard.name], shard.unpacked_bytes))
        ]
