"""Shards in any order → the image under a root directory."""

import os
from collections.abc import Iterable
from pathlib import Path

from luna_core.node.manifest import Kind, Manifest, Shard
from luna_core.node.place import Placer
from luna_core.node.taker import ShardTaker
from luna_core.node.tar import LINK, Entry, read_entries
from luna_core.node.zstd import decompress


class Unpacker(ShardTaker):
    """Unpacks a manifest's shards below `root`, an existing directory, as they complete.

    Each worker holds one shard at a time, packed and unpacked: 9 MB as a rule, 20 MB at most. Until `finish` has made
    files immutable, the outcome is the same however often something is done.
    """

    def __init__(self, root: Path, manifest: Manifest, *, workers: int | None = None) -> None:
        super().__init__(manifest, manifest.tree, workers)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._kept: dict[str, bytes] = {}
        self._flagged: dict[bytes, Entry] = {}
        self._lost: set[str] = set()

    def take(self, shard: Shard, packed: bytes) -> None:
        """Unpack its files; directories and links are for the end."""
        if shard.kind is not Kind.FILES:
            self._kept[shard.name] = packed
            return
        with Placer(self._root) as placer:
            self._place(placer, read_entries(decompress(packed, shard.unpacked_bytes)))
            with self._lock:
                self._lost.update(placer.lost)

    def complete(self) -> Iterable[str]:
        """Set links, the private files, directories' attributes and inode flags."""
        directories = self._entries(Kind.DIRECTORIES)
        with Placer(self._root) as placer:
            for entry in directories:
                placer.directory(entry)
            self._place(placer, self.private_entries())
            for entry in self._entries(Kind.LINKS):
                placer.link(entry)
            for entry in directories:
                placer.directory_attributes(entry)
            for entry in [*self._flagged.values(), *(entry for entry in directories if entry.flags)]:
                placer.flags(entry)
            return self._lost.union(placer.lost)

    def close(self) -> None:
        """Stop the workers, dropping what they have not begun."""
        super().close()
        if self._root >= 0:
            os.close(self._root)
        self._root = -1

    def _place(self, placer: Placer, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.kind == LINK:
                placer.link(entry)
                continue
            placer.file(entry)
            if entry.flags:
                entry.regions = []
                with self._lock:
                    self._flagged[entry.path] = entry

    def _entries(self, kind: Kind) -> list[Entry]:
        kept = [shard for shard in self.shards if shard.kind is kind]
        return [
            entry for shard in kept for entry in read_entries(decompress(self._kept[shard.name], shard.unpacked_bytes))
        ]
