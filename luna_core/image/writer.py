"""The files of a version that is being packed: written once, and shared with the previous version if possible."""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import zstandard

from luna_core.image.cut import Item
from luna_core.image.shard import build
from luna_core.image.versions import PRIVATE_NAME, private_file, sha256_of, sync
from luna_core.node.manifest import BootFile, Kind, Manifest, Shard

LEVEL: Final = 6


class VersionWriter:
    """Writes a version's files below `work`. `known_bytes` is the size of the previous version's shards.

    A shard is known by its content before compression, so that it keeps its bytes when another zstd comes along.
    """

    def __init__(self, work: Path, level: int, previous: Path | None, manifest: Manifest | None) -> None:
        self.work = work
        self.level = level
        self.directory = work / "shards"
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self._previous = previous
        self._old_boot = {file.sha256: file for file in (manifest.kernel, manifest.initramfs)} if manifest else {}
        self._old_tree, self._old_squashfs = (manifest.tree, manifest.squashfs) if manifest else ((), ())
        self._old_private = manifest.private if manifest else None
        self._known: dict[str, Shard] = {}
        if manifest and manifest.level == level:
            self._known = {shard.unpacked_sha256: shard for shard in manifest.tree}
        self.known_bytes = sum(shard.size_bytes for shard in self._known.values())

    def add_shard(self, kind: Kind, archive: bytes) -> Shard:
        """Compress an archive into a file, or share the one that has it already. Several threads may call this."""
        digest = hashlib.sha256(archive).hexdigest()
        known = self._known.get(digest)
        if known and known.kind is kind and self._share(known):
            return known
        packed = self._compress(archive)
        sha256 = hashlib.sha256(packed).hexdigest()
        shard = Shard(
            name=f"shards/{sha256}.tar.zst",
            kind=kind,
            sha256=sha256,
            size_bytes=len(packed),
            unpacked_sha256=digest,
            unpacked_bytes=len(archive),
        )
        self._write(self.work / shard.name, packed)
        self._known[digest] = shard
        return shard

    def add_private(self, archive: bytes, owner: tuple[int, int] | None) -> Shard | None:
        """Compress the archive of private files into a file that nobody else may read, or copy the previous one.

        `owner` are the user and group of who serves it. An empty archive has no file, not even an earlier attempt's.
        """
        path = self.work / PRIVATE_NAME
        path.unlink(missing_ok=True)
        if not archive:
            return None
        digest = hashlib.sha256(archive).hexdigest()
        packed = self._previous_private(digest) or self._compress(archive)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(packed)
        if owner:
            os.chown(path, *owner)
        sync(path)
        return Shard(
            name=PRIVATE_NAME,
            kind=Kind.PRIVATE,
            sha256=hashlib.sha256(packed).hexdigest(),
            size_bytes=len(packed),
            unpacked_sha256=digest,
            unpacked_bytes=len(archive),
        )

    def add_part(self, offset: int, data: bytes) -> Shard:
        """Write a part of the squashfs, or share the previous version's if it is the same."""
        sha256 = hashlib.sha256(data).hexdigest()
        part = Shard(
            name=f"shards/{sha256}-{offset}.squashfs",
            kind=Kind.SQUASHFS,
            sha256=sha256,
            size_bytes=len(data),
            unpacked_sha256=sha256,
            unpacked_bytes=len(data),
            offset=offset,
        )
        if not self._share(part):
            self._write(self.work / part.name, data)
        return part

    def known_squashfs(self, tree: Sequence[Shard]) -> tuple[Shard, ...]:
        """The previous version's squashfs, shared, if it was made of the very same shards; else none."""
        old = self._old_squashfs if self._old_tree == tuple(tree) else ()
        return old if all(self._share(part) for part in old) else ()

    def add_boot_file(self, name: str, source: Path) -> BootFile:
        """Copy the kernel or the initramfs, or share the previous version's if it is the same."""
        old = self._old_boot.get(sha256_of(source))
        if old and old.name == name and self._share(old):
            return old
        path = self.work / name
        shutil.copyfile(source, path)
        path.chmod(0o644)
        sync(path)
        return BootFile(name=name, sha256=sha256_of(path), size_bytes=path.stat().st_size)

    def keep_only(self, files: Iterable[Shard | BootFile]) -> int:
        """Delete what an attempt left that wasn't the last; returns the bytes that no other version has."""
        names = {file.name for file in files}
        for path in self.directory.iterdir():
            if str(path.relative_to(self.work)) not in names:
                path.unlink()
        statuses = [(self.work / name).stat() for name in names]
        return sum(status.st_size for status in statuses if status.st_nlink == 1)

    def _compress(self, archive: bytes) -> bytes:
        return zstandard.ZstdCompressor(level=self.level, write_content_size=True).compress(archive)

    def _previous_private(self, unpacked_sha256: str) -> bytes | None:
        """The previous version's archive, if it has the same content: its bytes may be an older zstd's."""
        old = self._old_private
        if old is None or old.unpacked_sha256 != unpacked_sha256 or self._previous is None:
            return None
        try:
            packed = private_file(self._previous).read_bytes()
        except OSError:
            return None
        return packed if hashlib.sha256(packed).hexdigest() == old.sha256 else None

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        path.chmod(0o644)
        sync(path)

    def _share(self, file: Shard | BootFile) -> bool:
        """Whether the file is there now: from an earlier attempt, or linked from a previous version that is sound."""
        path = self.work / file.name
        if path.exists():
            return True
        try:
            if self._previous is None or sha256_of(self._previous / file.name) != file.sha256:
                return False
            path.hardlink_to(self._previous / file.name)
        except OSError:
            return False  # missing, on another file system, or linked too often: a copy of its own will do
        return True


def write_shards(
    writer: VersionWriter,
    tree: Path,
    groups: Sequence[tuple[Kind, Sequence[Item]]],
    progress: Callable[[int, int, str], None],
    workers: int,
) -> tuple[Shard, ...]:
    """Build and compress all groups, `workers` at a time. An exception, Ctrl-C included, drops those not begun."""
    total = sum(item.unpacked for _, group in groups for item in group)
    done = 0
    lock = threading.Lock()

    def write(kind: Kind, group: Sequence[Item]) -> Shard:
        nonlocal done
        shard = writer.add_shard(kind, build(tree, group))
        with lock:
            done += sum(item.unpacked for item in group)
            progress(done, total, "packing")
        return shard

    with ThreadPoolExecutor(workers, thread_name_prefix="pack") as pool:
        return tuple(pool.map(write, *zip(*groups, strict=True)))
