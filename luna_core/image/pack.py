"""A tree → an image version: scan, cut, build and compress on all cores, publish in one step."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from luna_core.errors import BadInput, LunaError
from luna_core.image.cut import SHARD_BYTES, Item, cut, items
from luna_core.image.kernel import bootable
from luna_core.image.private import private_archive, set_apart
from luna_core.image.scan import Entry, Scan, TreeChanged, scan
from luna_core.image.squashfs import not_kept, write_squashfs
from luna_core.image.versions import load_version, locked, publish, sync, unfinished
from luna_core.image.writer import LEVEL, VersionWriter, write_shards
from luna_core.node.errors import shown
from luna_core.node.manifest import MANIFEST_NAME, Kind, Manifest, Package, Shard

_ATTEMPTS: Final = 3
Progress = Callable[[int, int, str], None]


def untold(done_bytes: int, total_bytes: int, phase: str) -> None:
    """A Progress that nobody hears of."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is to be packed. `kernel` and `initramfs` are files of the controller, `excludes` and `emptied` patterns.

    Paths that match `excludes` are left out with all below them; files that match `emptied` are packed without content.
    `private` are patterns beside those of luna_core.image.private, whose `private_archive` tells what the salt is for;
    `private_owner` are the user and group that may read the archive, if not the packer's own. `squashfs` adds one.
    """

    image: str
    tree: Path
    distro: str
    kernel_release: str
    kernel: Path
    initramfs: Path
    packages: Sequence[Package] = ()
    excludes: Sequence[str] = ()
    emptied: Sequence[str] = ()
    private: Sequence[str] = ()
    private_salt: bytes = b""
    private_owner: tuple[int, int] | None = None
    squashfs: bool = False


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A packed version. `new_bytes` is what it added to the disk; `left_out` says what an image can't hold, by name.

    `private` names the files that are not in the shards.
    """

    directory: Path
    manifest_sha256: str
    manifest: Manifest
    new_bytes: int
    left_out: tuple[str, ...]
    private: tuple[str, ...]


def pack(
    source: Source,
    versions: Path,
    *,
    previous: Path | None = None,
    progress: Progress = untold,
    level: int = LEVEL,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
) -> Packed:
    """Freeze a tree into a version below `versions`; what `previous`, a version, has already is shared with it.

    The same tree gives the same version. However this ends, `versions` holds the complete new version or none of it.
    `progress` is called from several threads with bytes done, bytes in all and the phase in words.
    Raises BadInput for a missing source, TreeChanged if the tree doesn't keep still, Conflict if another pack is going
    on there, LunaError if the disk is too full or something can't be read, each by name.
    """
    for path in (source.tree, source.kernel, source.initramfs):
        if not path.exists():
            raise BadInput(f"image {source.image}: {path} does not exist.")
    with _full_disk_named(versions), locked(versions), unfinished(versions) as work:
        writer = VersionWriter(work, level, previous, load_version(previous) if previous else None)
        found, shards, private = _steady(source, writer, progress, shard_bytes, workers or len(os.sched_getaffinity(0)))
        progress(0, 0, "publishing")
        manifest = _manifest(source, writer, found, shards, private)
        new_bytes = writer.keep_only([manifest.kernel, manifest.initramfs, *shards])
        (work / MANIFEST_NAME).write_bytes(manifest.to_bytes())
        for path in (work / MANIFEST_NAME, writer.directory, work):
            sync(path)
        directory = publish(work, manifest.sha256)
    return Packed(
        directory=directory,
        manifest_sha256=manifest.sha256,
        manifest=manifest,
        new_bytes=new_bytes,
        left_out=tuple(found.left_out),
        private=tuple(shown(one.path) for one in found.private),
    )


@contextmanager
def _full_disk_named(versions: Path) -> Iterator[None]:
    """What else is written there may take the room that there was when the pack began."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise LunaError(f"{versions}: {error.strerror}. Nothing was packed; what was there stays.") from error


def _steady(
    source: Source, writer: VersionWriter, progress: Progress, shard_bytes: int, workers: int
) -> tuple[Scan, tuple[Shard, ...], Shard | None]:
    """Pack until the tree was the same before and after; what was compressed before is not compressed again."""
    changed = LunaError("")
    for _ in range(_ATTEMPTS):
        progress(0, 0, "scanning")
        try:
            found = _scan(source)
            groups = _groups(source.tree, found, shard_bytes)
            _check_space(writer, source, groups)
            shards = write_shards(writer, source.tree, groups, progress, workers)
            shards += _squashfs(writer, source, found, shards, progress, workers)
            archive = private_archive(source.tree, found.private, source.private_salt)
            private = writer.add_private(archive, source.private_owner)
            _check_unchanged(found, _scan(source))
        except TreeChanged as error:
            changed = error
            continue
        return found, shards, private
    raise changed


def _squashfs(
    writer: VersionWriter, source: Source, found: Scan, tree: tuple[Shard, ...], progress: Progress, workers: int
) -> tuple[Shard, ...]:
    if not source.squashfs:
        return ()
    progress(0, 0, "making the squashfs")
    found.left_out += not_kept(source.tree, found)
    return writer.known_squashfs(tree) or write_squashfs(writer, source.tree, found, workers)


def _scan(source: Source) -> Scan:
    found = scan(source.tree, source.excludes, source.emptied)
    set_apart(found, source.private)
    return found


def _groups(tree: Path, found: Scan, shard_bytes: int) -> list[tuple[Kind, list[Item]]]:
    entries = {Kind.DIRECTORIES: found.directories, Kind.FILES: found.files, Kind.LINKS: found.links}
    return [
        (kind, group) for kind, some in entries.items() for group in cut(items(tree, some, shard_bytes), shard_bytes)
    ]


def _check_space(writer: VersionWriter, source: Source, groups: Sequence[tuple[Kind, Sequence[Item]]]) -> None:
    """Refuse beforehand what can't fit; how much is shared with the previous version can only be guessed."""
    boot_bytes = source.kernel.stat().st_size + source.initramfs.stat().st_size
    packed = sum(item.weight for _, group in groups for item in group)
    expected = boot_bytes + packed
    needed = max(expected - writer.known_bytes, expected // 10)
    if source.squashfs:
        needed += 2 * packed  # in one piece first, then in parts
    free = shutil.disk_usage(writer.directory).free
    if free < needed:
        raise LunaError(
            f"image {source.image}: the version needs about {needed >> 20} MiB in {writer.work.parent}, "
            f"and {free >> 20} MiB are free."
        )


def _check_unchanged(before: Scan, after: Scan) -> None:
    for old, new in zip_longest(_entries(before), _entries(after)):
        if old is None or new is None or _signature(old) != _signature(new):
            raise TreeChanged((old or new).path)


def _entries(found: Scan) -> list[Entry]:
    return found.directories + found.files + found.links + found.private


def _signature(entry: Entry) -> tuple[bytes, ...] | tuple[object, ...]:
    status = entry.stat
    return entry.path, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _manifest(
    source: Source, writer: VersionWriter, found: Scan, shards: tuple[Shard, ...], private: Shard | None
) -> Manifest:
    with bootable(source.kernel, writer.work) as file:
        kernel = writer.add_boot_file("kernel", file)
    initramfs = writer.add_boot_file("initramfs", source.initramfs)
    return Manifest(
        image=source.image,
        distro=source.distro,
        kernel_release=source.kernel_release,
        kernel=kernel,
        initramfs=initramfs,
        shards=shards,
        private=private,
        packages=tuple(sorted(source.packages, key=lambda one: (one.name, one.version))),
        entries=len(_entries(found)),
        level=writer.level,
    )
