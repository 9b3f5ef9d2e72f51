"""The parts of a squashfs in any order → one file, mounted, with a writable overlay over it as the root."""

import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from luna_core.node.errors import UnpackError
from luna_core.node.manifest import Manifest, Shard
from luna_core.node.place import Placer, write_at
from luna_core.node.taker import ShardTaker
from luna_core.node.tar import LINK, Entry

# The folder of the squashfs that holds the tree.
SQUASHFS_ROOT: Final = b"root"


class OverlayMaker(ShardTaker):
    """Keeps the squashfs and what the node will write in `layers`, an existing directory, and mounts both at `root`.

    The mounts outlive their names: once the root is mounted, those below `layers` may be unmounted lazily.
    """

    def __init__(self, layers: Path, root: Path, manifest: Manifest, *, workers: int | None = None) -> None:
        if not manifest.squashfs:
            raise UnpackError(f"This version of image {manifest.image} has no squashfs.")
        super().__init__(manifest, manifest.squashfs, workers)
        self._layers, self._root = layers, root
        self._file = os.open(layers / "squashfs", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, shard: Shard, packed: bytes) -> None:
        """Write a part where it belongs."""
        write_at(self._file, memoryview(packed), shard.offset)

    def complete(self) -> Iterable[str]:
        """Mount the squashfs and the overlay, and put the private files into the latter."""
        lower, upper, work = (self._layers / name for name in ("lower", "upper", "work"))
        for directory in (lower, upper, work):
            directory.mkdir(exist_ok=True)
        _mount("squashfs", "ro,loop", str(self._layers / "squashfs"), lower)
        tree = lower / os.fsdecode(SQUASHFS_ROOT)
        # The root directory of an overlay is the upper one.
        _copy_attributes(tree, upper)
        _mount("overlay", f"lowerdir={tree},upperdir={upper},workdir={work}", "luna", self._root)
        return self._place_private(self.private_entries())

    def close(self) -> None:
        """Stop the workers, dropping what they have not begun."""
        super().close()
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _place_private(self, entries: list[Entry]) -> list[str]:
        parents = {self._root / os.fsdecode(entry.path).rpartition("/")[0] for entry in entries}
        times = {parent: parent.stat().st_mtime_ns for parent in parents}
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with Placer(descriptor) as placer:
                for entry in entries:
                    (placer.link if entry.kind == LINK else placer.file)(entry)
                for entry in entries:
                    if entry.flags:
                        placer.flags(entry)
        finally:
            os.close(descriptor)
        for parent, time_ns in times.items():
            os.utime(parent, ns=(time_ns, time_ns))
        return placer.lost


def _copy_attributes(source: Path, target: Path) -> None:
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode)
    # A squashfs in which nothing has extended attributes doesn't even list them.
    with suppress(OSError):
        for name in os.listxattr(source):
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))


def _mount(kind: str, options: str, what: str, where: Path) -> None:
    done = subprocess.run(  # noqa: S603 - no shell reads it
        ["mount", "-t", kind, "-o", options, what, str(where)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise UnpackError(f"The {kind} can't be mounted: {done.stderr.strip()}.")
