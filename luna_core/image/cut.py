"""Cut a tree's entries into shards so that a small change of the tree changes few of them.

Where a cut falls depends on the entry before it alone: a hash of its path against its share of a shard's size. An
entry that comes, goes or grows moves the cuts around itself; beyond the next one everything is as before.
"""

import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from luna_core.image.holes import Region, data_regions
from luna_core.image.scan import Entry, reading

SHARD_BYTES: Final = 1 << 20
# What a shard may hold unpacked: the bound of a node's memory per worker, wherever data compress very well.
UNPACKED_LIMIT: Final = 12 << 20
# Where files are small, a shard would hold hundreds, and any change in one of them is fetched with all the others.
_FILES_PER_SHARD: Final = 64
_SAMPLED_BYTES: Final = 64 << 10
_USUAL_RATIO: Final = 0.3
_HEADER_BYTES: Final = 60
_PACKED_ALREADY: Final = (b".gz", b".xz", b".zst", b".bz2", b".png", b".jpg", b".woff2", b".whl", b".zip", b".jar")


@dataclass(frozen=True, slots=True)
class Item:
    """An entry, or the `length` bytes from `offset` of a large file; `weight` is its expected size in bytes, packed.

    In an archive its name comes below `folder`, if there is one.
    """

    entry: Entry
    offset: int
    length: int
    weight: int
    unpacked: int
    part: bool = False
    folder: bytes = b""


def cut(items: Iterable[Item], shard_bytes: int = SHARD_BYTES) -> Iterator[list[Item]]:
    """Group items, in their order, into shards of about `shard_bytes` when packed, and never more than a few times.

    Shards of small files are smaller, for each file counts for a share of a shard beside its weight.
    """
    group: list[Item] = []
    cost = unpacked = 0
    for item in items:
        own_cost = item.weight + (shard_bytes // _FILES_PER_SHARD if item.length and not item.part else 0)
        if group and (cost + own_cost > 2 * shard_bytes or unpacked + item.unpacked > UNPACKED_LIMIT):
            yield group
            group, cost, unpacked = [], 0, 0
        group.append(item)
        cost += own_cost
        unpacked += item.unpacked
        if cost >= shard_bytes // 4 and _ends_shard(item, own_cost / shard_bytes):
            yield group
            group, cost, unpacked = [], 0, 0
    if group:
        yield group


def items(tree: Path, entries: Iterable[Entry], shard_bytes: int = SHARD_BYTES) -> Iterator[Item]:
    """Each entry as an item, or as parts if it is a large file. Raises as `reading` does."""
    for entry in entries:
        size = 0 if entry.emptied or entry.link_to or not stat.S_ISREG(entry.stat.st_mode) else entry.stat.st_size
        if size < _SAMPLED_BYTES:
            ratio = 1.0 if entry.path.endswith(_PACKED_ALREADY) else _USUAL_RATIO
            yield Item(entry, 0, size, int(size * ratio) + _HEADER_BYTES, size + 1024)
        else:
            yield from _large(tree, entry, shard_bytes)


def _ends_shard(item: Item, share: float) -> bool:
    key = item.entry.path + b"\0%d" % item.offset
    fraction = int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big") / 2**32
    return fraction < share / 0.75


def _large(tree: Path, entry: Entry, shard_bytes: int) -> Iterator[Item]:
    size = entry.stat.st_size
    path = os.fsencode(tree) + b"/" + entry.path
    with reading(path), open(path, "rb", buffering=0) as file:
        ratio = _ratio(file.fileno(), size)
        regions = data_regions(file.fileno(), 0, size)
    data = sum(length for _, length in regions)
    length = _part_bytes(ratio, shard_bytes)
    if data <= length:
        yield Item(entry, 0, size, int(data * ratio) + _HEADER_BYTES, data + 1024)
        return
    for offset in _parts_with_data(regions, length):
        here = min(length, size - offset)
        yield Item(entry, offset, here, int(here * ratio) + _HEADER_BYTES, here + 1024, part=True)


def _ratio(descriptor: int, size: int) -> float:
    """The expected packed share, from evenly spread samples; not by zstd, whose next version would move every cut."""
    count = min(size // _SAMPLED_BYTES + 1, 32)
    samples = b"".join(os.pread(descriptor, 4096, size * (2 * number + 1) // (2 * count)) for number in range(count))
    return max(len(zlib.compress(samples, 1)) / (len(samples) or 1), 0.02)


def _part_bytes(ratio: float, shard_bytes: int) -> int:
    """A power of two times `shard_bytes`, so that parts stay the same while a file changes a little."""
    length = shard_bytes
    while length * 2 * ratio <= shard_bytes and length * 2 <= UNPACKED_LIMIT:
        length *= 2
    return length


def _parts_with_data(regions: Iterable[Region], length: int) -> list[int]:
    offsets: list[int] = []
    for start, size in regions:
        first = start // length * length
        if offsets and first <= offsets[-1]:
            first = offsets[-1] + length
        offsets.extend(range(first, start + size, length))
    return offsets
