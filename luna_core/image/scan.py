"""The entries of a tree, in an order that depends on nothing but their names."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.image.patterns import matcher
from luna_core.node.errors import shown


class TreeChanged(LunaError):
    """Something in the tree is no longer what the scan saw."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{shown(path)} changed while it was packed; stop what writes to it, or exclude it.")


@dataclass(frozen=True, slots=True)
class Entry:
    """Anything with a name in the tree. `link_to` is the first name of the same inode, `emptied` drops the content.

    At a `mount_point` only the place is known: what lies beneath can't be seen and what is mounted isn't the image's.
    `other_time_ns` replaces a modification time that can't be kept.
    """

    path: bytes
    stat: os.stat_result
    link_to: bytes | None = None
    emptied: bool = False
    mount_point: bool = False
    other_time_ns: int | None = None


@dataclass(kw_only=True)
class Scan:
    """A tree's entries, parents before children. `left_out` says by name what an image can't hold, and why.

    `private` are files, then links, that luna_core.image.private sets apart from the others.
    """

    directories: list[Entry] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)
    private: list[Entry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def scan(tree: Path, excludes: Sequence[str] = (), emptied: Sequence[str] = ()) -> Scan:
    """Look at every entry of `tree` but those that match `excludes`; files that match `emptied` keep only their name.

    Raises BadInput for a pattern that isn't one, TreeChanged or LunaError naming what can't be read.
    """
    found = Scan()
    first_names: dict[tuple[int, int], bytes] = {}
    is_emptied = matcher(emptied, "emptied")
    mounts = mount_points(os.fsencode(tree.resolve()))
    with reading(os.fsencode(tree)):
        for path, status in _walk(os.fsencode(tree), matcher(excludes, "excludes"), mounts):
            _add(found, first_names, path, status, emptied=is_emptied(path), mounted=path in mounts)
    return found


@contextmanager
def reading(path: bytes) -> Iterator[None]:
    """Turn errors of the system into TreeChanged, if something vanished, or else a LunaError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise TreeChanged(os.fsencode(error.filename or path)) from error
    except (OSError, UnicodeEncodeError) as error:
        raise LunaError(f"{shown(path)} can't be packed: {error}.") from error


def mount_points(tree: bytes) -> set[bytes]:
    """What is mounted below `tree`, relative to it, by /proc/self/mountinfo (proc(5)); bind mounts included."""
    prefix = tree.rstrip(b"/") + b"/"
    places = (line.split(b" ")[4] for line in Path("/proc/self/mountinfo").read_bytes().splitlines())
    plain = (place.decode("unicode_escape").encode("latin-1") for place in places)
    return {place.removeprefix(prefix) for place in plain if place.startswith(prefix)}


def _walk(tree: bytes, excluded: Callable[[bytes], bool], mounts: set[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    yield b".", os.stat(tree)
    pending = [_children(tree, b"", excluded)]
    while pending:
        for path, status in pending[-1]:
            yield path, status
            if stat.S_ISDIR(status.st_mode) and path not in mounts:
                pending.append(_children(tree, path, excluded))
                break
        else:
            pending.pop()


def _children(tree: bytes, path: bytes, excluded: Callable[[bytes], bool]) -> Iterator[tuple[bytes, os.stat_result]]:
    with os.scandir(tree + b"/" + path) as listing:
        children = sorted(listing, key=lambda one: one.name)
    for child in children:
        name = path + b"/" + child.name if path else child.name
        if not excluded(name):
            yield name, child.stat(follow_symlinks=False)


def _add(
    found: Scan,
    first_names: dict[tuple[int, int], bytes],
    path: bytes,
    status: os.stat_result,
    *,
    emptied: bool,
    mounted: bool,
) -> None:
    if stat.S_ISSOCK(status.st_mode):
        found.left_out.append(f"{shown(path)}: a socket, which the program that serves it makes anew")
    elif mounted and not stat.S_ISDIR(status.st_mode):
        found.left_out.append(f"{shown(path)}: a file that is mounted here")
    elif stat.S_ISDIR(status.st_mode):
        if mounted:
            found.left_out.append(f"{shown(path)}: what is mounted here")
        found.directories.append(Entry(path, status, mount_point=mounted))
    elif emptied and stat.S_ISREG(status.st_mode):
        found.files.append(Entry(path, status, emptied=True))
    elif status.st_nlink > 1 and (first := first_names.setdefault((status.st_dev, status.st_ino), path)) != path:
        found.links.append(Entry(path, status, link_to=first))
    else:
        found.files.append(Entry(path, status))
