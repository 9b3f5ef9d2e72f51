"""Compare two trees in everything that an image keeps: for tests, and for whoever doubts. Standard library only."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from luna_core.image.holes import data_regions
from luna_core.node.errors import shown
from luna_core.node.flags import read_flags

Facts = dict[str, object]
_CHUNK_BYTES: Final = 1 << 20


def differences(left: Path, right: Path) -> list[str]:
    """What differs, one line per name and attribute, sorted; empty if the trees are equal. Sockets don't count."""
    first, second = dict(describe(left)), dict(describe(right))
    lines = [f"{shown(path)}: only in {left}" for path in first.keys() - second.keys()]
    lines += [f"{shown(path)}: only in {right}" for path in second.keys() - first.keys()]
    for path in first.keys() & second.keys():
        lines += [
            f"{shown(path)}: {name}: {first[path].get(name)!r} and {second[path].get(name)!r}"
            for name in sorted(first[path].keys() | second[path].keys())
            if first[path].get(name) != second[path].get(name)
        ]
    # Further names of an inode have the content of its first.
    names = [path for path, facts in first.items() if path in second and facts.get("same file as") == path]
    lines += _content_differences(left, right, names)
    return sorted(lines)


def describe(tree: Path) -> Iterator[tuple[bytes, Facts]]:
    """Every name below `tree`, itself as ".", with its attributes; the content of files is not among them."""
    root = os.fsencode(tree)
    first_names: dict[tuple[int, int], bytes] = {}
    for path in _names(root):
        status = os.lstat(root + b"/" + path)
        if not stat.S_ISSOCK(status.st_mode):
            yield path, _facts(root + b"/" + path, status) | _link(first_names, path, status)


def _names(root: bytes) -> Iterator[bytes]:
    yield b"."
    pending = [b""]
    while pending:
        parent = pending.pop()
        with os.scandir(root + b"/" + parent) as listing:
            children = sorted(listing, key=lambda one: one.name)
        for child in children:
            path = parent + b"/" + child.name if parent else child.name
            yield path
            if child.is_dir(follow_symlinks=False):
                pending.append(path)


def _facts(path: bytes, status: os.stat_result) -> Facts:
    facts: Facts = {
        "mode": stat.filemode(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
        "time": status.st_mtime_ns,
        "xattrs": _xattrs(path),
    }
    if stat.S_ISLNK(status.st_mode):
        facts["target"] = os.readlink(path)
    elif stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
        facts["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    elif stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        facts |= _inner_facts(path, status)
    return facts


def _xattrs(path: bytes) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        # A squashfs in which nothing has any doesn't even list them.
        if error.errno == errno.EOPNOTSUPP:
            return {}
        raise
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def _inner_facts(path: bytes, status: os.stat_result) -> Facts:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        facts: Facts = {"flags": read_flags(descriptor)}
        if stat.S_ISREG(status.st_mode):
            facts |= {"size": status.st_size, "data": data_regions(descriptor, 0, status.st_size)}
        return facts
    finally:
        os.close(descriptor)


def _link(first_names: dict[tuple[int, int], bytes], path: bytes, status: os.stat_result) -> Facts:
    """Equal trees may be walked in the same order only, so the first name stands for all names of an inode."""
    if stat.S_ISDIR(status.st_mode):
        return {}
    return {"same file as": first_names.setdefault((status.st_dev, status.st_ino), path)}


def _content_differences(left: Path, right: Path, paths: list[bytes]) -> Iterator[str]:
    for path in paths:
        one, other = os.fsencode(left) + b"/" + path, os.fsencode(right) + b"/" + path
        both_regular = all(stat.S_ISREG(os.lstat(file).st_mode) for file in (one, other))
        if both_regular and not _same_content(one, other):
            yield f"{shown(path)}: content"


def _same_content(one: bytes, other: bytes) -> bool:
    """Whether two files read alike; where both have a hole, nothing needs to be read."""
    with open(one, "rb") as first, open(other, "rb") as second:
        files = (first.fileno(), second.fileno())
        regions = {region for file in files for region in data_regions(file, 0, os.fstat(file).st_size)}
        return all(
            os.pread(files[0], _CHUNK_BYTES, at) == os.pread(files[1], _CHUNK_BYTES, at)
            for start, length in sorted(regions)
            for at in range(start, start + length, _CHUNK_BYTES)
        )
