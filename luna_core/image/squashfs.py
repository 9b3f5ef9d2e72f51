"""A squashfs of what the shards hold, cut into parts that travel as further shards.

mksquashfs reads one tar archive, and that is the shards': what is left out, emptied or private is so here as well.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from luna_core.errors import CommandFailed
from luna_core.image.cut import Item
from luna_core.image.scan import Entry, Scan, reading
from luna_core.image.shard import members
from luna_core.image.writer import VersionWriter
from luna_core.node.errors import shown
from luna_core.node.manifest import Shard
from luna_core.node.overlay import SQUASHFS_ROOT
from luna_core.node.tar import BLOCK
from luna_core.run import LAST_LINES

PART_BYTES: Final = 1 << 20
# What Linux's squashfs can hold: no ACLs and no inode flags. Its times are whole seconds from 1970 on.
_KEPT_NAMES: Final = ("user.", "trusted.", "security.")


def write_squashfs(writer: VersionWriter, tree: Path, found: Scan, workers: int) -> tuple[Shard, ...]:
    """Make the squashfs of a scanned tree and add its parts to a version; the same tree gives the same bytes.

    Raises CommandFailed with mksquashfs's last lines, and what `members` raises.
    """
    whole = writer.work / "squashfs"
    try:
        _make(whole, tree, found, writer.level, workers)
        with whole.open("rb") as file:
            offsets = range(0, whole.stat().st_size, PART_BYTES)
            return tuple(writer.add_part(offset, file.read(PART_BYTES)) for offset in offsets)
    finally:
        whole.unlink(missing_ok=True)


def not_kept(tree: Path, found: Scan) -> Iterator[str]:
    """By name what a squashfs loses of the entries: attributes of other kinds than user, trusted and security."""
    for entry in (*found.directories, *found.files):
        path = os.fsencode(tree) + b"/" + entry.path
        with reading(path):
            names = [] if entry.mount_point else os.listxattr(path, follow_symlinks=False)
        lost = [name for name in names if not name.startswith(_KEPT_NAMES)]
        if lost:
            yield f"{shown(entry.path)}: {', '.join(lost)}, which a squashfs can't hold"


def _make(output: Path, tree: Path, found: Scan, level: int, workers: int) -> None:
    options = ["-comp", "zstd", "-Xcompression-level", str(level), "-processors", str(workers), "-no-progress"]
    command = ["mksquashfs", "-", str(output), "-tar", "-quiet", *options]
    latest_s = _latest_s(found)
    # What has no time of its own, its own root and itself, would else have the time of day.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(latest_s)}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment)  # noqa: S603
        except FileNotFoundError as error:
            raise CommandFailed("mksquashfs is not installed; squashfs-tools 4.5 and later will do.") from error
        with process:
            try:
                _feed(process, _archive(tree, found, latest_s))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            last = b"\n".join(said.read().splitlines()[-LAST_LINES:]).decode(errors="replace")
            raise CommandFailed(f"mksquashfs exited with status {process.returncode}:\n{last}")


def _feed(process: "subprocess.Popen[bytes]", archive: Iterable[bytes]) -> None:
    assert process.stdin  # noqa: S101 - tells the type checker what PIPE means
    # What it dies of, it says itself.
    with suppress(BrokenPipeError):
        for data in archive:
            process.stdin.write(data)
    with suppress(BrokenPipeError):
        process.stdin.close()


def _archive(tree: Path, found: Scan, latest_s: int) -> Iterator[bytes]:
    """All entries in a folder of their own, for the squashfs's own root has no attributes that could be given."""
    for entry in _entries(found):
        time_ns = min(max(entry.stat.st_mtime_ns, 0), latest_s * 10**9)
        dated = entry if time_ns == entry.stat.st_mtime_ns else replace(entry, other_time_ns=time_ns)
        yield from members(tree, Item(dated, 0, entry.stat.st_size, 0, 0, folder=SQUASHFS_ROOT))
    yield bytes(2 * BLOCK)


def _latest_s(found: Scan) -> int:
    """The newest time that is not in the future, of which mksquashfs takes none."""
    now_s = time.time()
    times = (entry.stat.st_mtime for entry in _entries(found))
    return max((int(one) for one in times if 0 <= one <= now_s), default=0)


def _entries(found: Scan) -> tuple[Entry, ...]:
    return (*found.directories, *found.files, *found.links)
