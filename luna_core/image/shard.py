"""One shard's entries → the bytes of its tar archive, the same whenever the entries are the same.

PAX headers are written only where ustar can't say it: a time with a fraction of a second, a long or odd name, extended
attributes, inode flags. A sparse file, and a part of a large one, is a GNU sparse entry (format 1.0) with the regions
that this shard holds.
"""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from luna_core.image.cut import Item
from luna_core.image.holes import data_regions
from luna_core.image.scan import TreeChanged, reading
from luna_core.node.flags import read_flags

_SECOND_NS: Final = 10**9
_READ_BYTES: Final = 4 << 20
_TYPES: Final = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


def build(tree: Path, items: Iterable[Item]) -> bytes:
    """The tar archive with these items of `tree`. Raises TreeChanged, or LunaError naming what can't be read."""
    archive = bytearray()
    for item in items:
        for data in members(tree, item):
            archive += data
    archive += bytes(2 * tarfile.BLOCKSIZE)
    return bytes(archive)


def members(tree: Path, item: Item) -> Iterator[bytes]:
    """An item's header and content, padded, in pieces of some MB. Raises as `build`."""
    path = os.fsencode(tree) + b"/" + item.entry.path
    with reading(path):
        yield from _member(path, item)


def _member(path: bytes, item: Item) -> Iterator[bytes]:
    entry = item.entry
    if entry.mount_point:
        yield _encoded(tarfile.TarInfo(_name(item, entry.path)), tarfile.DIRTYPE, mode=0o755)
    elif entry.link_to is not None:
        linkname = _name(item, entry.link_to)
        yield _encoded(tarfile.TarInfo(_name(item, entry.path)), tarfile.LNKTYPE, linkname=linkname)
    elif not stat.S_ISREG(entry.stat.st_mode) and not stat.S_ISDIR(entry.stat.st_mode):
        target = _text(os.readlink(path)) if stat.S_ISLNK(entry.stat.st_mode) else ""
        yield _header(item, 0, _xattrs(path), target)
    else:
        yield from _opened(path, item)


def _opened(path: bytes, item: Item) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        special = _xattrs(descriptor) | _flags(descriptor)
        if stat.S_ISDIR(item.entry.stat.st_mode) or item.entry.emptied:
            yield _header(item, 0, special)
        else:
            yield from _content(descriptor, path, item, special)
    finally:
        os.close(descriptor)


def _content(descriptor: int, path: bytes, item: Item, special: dict[str, str]) -> Iterator[bytes]:
    regions = [(item.offset, item.length)]
    if item.length:
        regions = data_regions(descriptor, item.offset, item.offset + item.length)
    size = sum(length for _, length in regions)
    extents, prefix = list(regions), b""
    if regions != [(0, item.entry.stat.st_size)]:
        # GNU tar takes a file's size from where the last region ends, if only an empty one.
        regions.append((item.entry.stat.st_size, 0))
        numbers = [len(regions), *(number for region in regions for number in region)]
        prefix = _padded("".join(f"{number}\n" for number in numbers).encode())
        special |= {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        # Without it mksquashfs takes the map for content.
        special["GNU.sparse.name"] = _name(item, item.entry.path)
        special["GNU.sparse.realsize"] = str(item.entry.stat.st_size)
    yield _header(item, len(prefix) + size, special) + prefix
    for offset, length in extents:
        for start in range(offset, offset + length, _READ_BYTES):
            wanted = min(_READ_BYTES, offset + length - start)
            data = os.pread(descriptor, wanted, start)
            if len(data) != wanted:
                raise TreeChanged(path)
            yield data
    yield bytes(-size % tarfile.BLOCKSIZE)


def _header(item: Item, size: int, special: dict[str, str], linkname: str = "") -> bytes:
    entry, status = item.entry, item.entry.stat
    time_ns = status.st_mtime_ns if entry.other_time_ns is None else entry.other_time_ns
    seconds, nanoseconds = divmod(time_ns, _SECOND_NS)
    if nanoseconds:
        special["mtime"] = _decimal(time_ns)
    info = tarfile.TarInfo(_name(item, entry.path))
    info.uid, info.gid, info.size, info.mtime = status.st_uid, status.st_gid, size, seconds
    info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    info.pax_headers = dict(sorted(special.items()))
    return _encoded(info, _TYPES[stat.S_IFMT(status.st_mode)], stat.S_IMODE(status.st_mode), linkname)


def _encoded(info: tarfile.TarInfo, kind: bytes, mode: int = 0, linkname: str = "") -> bytes:
    info.type, info.mode, info.linkname = kind, mode, linkname
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _name(item: Item, path: bytes) -> str:
    if not item.folder:
        return _text(path)
    return _text(item.folder if path == b"." else item.folder + b"/" + path)


def _decimal(nanoseconds: int) -> str:
    seconds, fraction = divmod(abs(nanoseconds), _SECOND_NS)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{fraction:09d}"


def _xattrs(where: int | bytes) -> dict[str, str]:
    """Every extended attribute as a PAX record: ACLs, SELinux labels and capabilities are among them (xattr(7))."""
    followed = isinstance(where, int)
    return {
        # "=" would end the keyword; the escape is GNU tar's.
        "SCHILY.xattr." + name.replace("%", "%25").replace("=", "%3D"): _text(
            os.getxattr(where, name, follow_symlinks=followed)
        )
        for name in os.listxattr(where, follow_symlinks=followed)
    }


def _flags(descriptor: int) -> dict[str, str]:
    flags = read_flags(descriptor)
    return {"SCHILY.fflags": ",".join(flags)} if flags else {}


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
