"""A squashfs of what the shards hold, cut into parts that travel as further shards.

It is made of one tar archive, and that is the shards': what is left out, emptied or private is so here as well.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from luna_core.run import LAST_LINES, run

PART_BYTES: Final = 1 << 20
_UNPACK: Final = (
    "--numeric-owner",
    "--same-permissions",
    "--delay-directory-restore",
    "--xattrs",
    "--xattrs-include=*",
)
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
    options = [
        "-quiet",
        "-comp",
        "zstd",
        "-Xcompression-level",
        str(level),
        "-processors",
        str(workers),
        "-no-progress",
    ]
    latest_s = _latest_s(found)
    archive = _archive(tree, found, latest_s)
    # What has no time of its own, its own root and itself, would else have the time of day.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(latest_s)}
    if _reads_archives():
        _run(["mksquashfs", "-", str(output), "-tar", *options], archive, environment)
        return
    with tempfile.TemporaryDirectory(dir=output.parent) as unpacked:
        _run(["tar", "-x", "-C", unpacked, *_UNPACK], archive, environment)
        _run(["mksquashfs", unpacked, str(output), *options], (), environment)


def _reads_archives() -> bool:
    """Whether mksquashfs reads tar archives, as from 4.5 on; RHEL 9 has 4.4."""
    numbers = re.search(r"version ([0-9]+)\.([0-9]+)", run(["mksquashfs", "-version"]))
    return numbers is None or (int(numbers[1]), int(numbers[2])) >= (4, 5)


def _run(command: Sequence[str], archive: Iterable[bytes], environment: Mapping[str, str]) -> None:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment
        ) as process,
    ):
        try:
            _feed(process, archive)
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            last = b"\n".join(said.read().splitlines()[-LAST_LINES:]).decode(errors="replace")
            raise CommandFailed(f"{command[0]} exited with status {process.returncode}:\n{last}")


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
