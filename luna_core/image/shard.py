"""One shard's entries → the bytes of its tar archive, the same whenever the entries are the same.

PAX headers are written only where ustar can't say it: a time with a fraction of a second, a long or odd name, extended
attributes, inode flags. A sparse file, and a part of a large one, is a GNU sparse entry (format 1.0) with the regions
that this shard holds.
"""

import os
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from luna_core.image.cut import Item
from luna_core.image.holes import data_regions, may_have_holes
from luna_core.image.scan import Entry, TreeChanged, reading
from luna_core.node.flags import read_flags

_SECOND_NS: Final = 10**9
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
        path = os.fsencode(tree) + b"/" + item.entry.path
        with reading(path):
            archive += _member(path, item)
    archive += bytes(2 * tarfile.BLOCKSIZE)
    return bytes(archive)


def _member(path: bytes, item: Item) -> bytes:
    entry = item.entry
    if entry.mount_point:
        return _encoded(tarfile.TarInfo(_text(entry.path)), tarfile.DIRTYPE, mode=0o755)
    if entry.link_to is not None:
        return _encoded(tarfile.TarInfo(_text(entry.path)), tarfile.LNKTYPE, linkname=_text(entry.link_to))
    if not stat.S_ISREG(entry.stat.st_mode) and not stat.S_ISDIR(entry.stat.st_mode):
        target = _text(os.readlink(path)) if stat.S_ISLNK(entry.stat.st_mode) else ""
        return _header(entry, 0, _xattrs(path), target)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        special = _xattrs(descriptor) | _flags(descriptor)
        if stat.S_ISDIR(entry.stat.st_mode) or entry.emptied:
            return _header(entry, 0, special)
        return _content(descriptor, path, item, special)
    finally:
        os.close(descriptor)


def _content(descriptor: int, path: bytes, item: Item, special: dict[str, str]) -> bytes:
    regions = [(item.offset, item.length)]
    if may_have_holes(item.entry.stat):
        regions = data_regions(descriptor, item.offset, item.offset + item.length)
    data = b"".join(os.pread(descriptor, length, offset) for offset, length in regions)
    if len(data) != sum(length for _, length in regions):
        raise TreeChanged(path)
    if regions != [(0, item.entry.stat.st_size)]:
        # GNU tar takes a file's size from where the last region ends, if only an empty one.
        regions.append((item.entry.stat.st_size, 0))
        numbers = [len(regions), *(number for region in regions for number in region)]
        data = _padded("".join(f"{number}\n" for number in numbers).encode()) + data
        special |= {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        special["GNU.sparse.realsize"] = str(item.entry.stat.st_size)
    return _header(item.entry, len(data), special) + _padded(data)


def _header(entry: Entry, size: int, special: dict[str, str], linkname: str = "") -> bytes:
    status = entry.stat
    seconds, nanoseconds = divmod(status.st_mtime_ns, _SECOND_NS)
    if nanoseconds:
        special["mtime"] = _decimal(status.st_mtime_ns)
    info = tarfile.TarInfo(_text(entry.path))
    info.uid, info.gid, info.size, info.mtime = status.st_uid, status.st_gid, size, seconds
    info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    info.pax_headers = dict(sorted(special.items()))
    return _encoded(info, _TYPES[stat.S_IFMT(status.st_mode)], stat.S_IMODE(status.st_mode), linkname)


def _encoded(info: tarfile.TarInfo, kind: bytes, mode: int = 0, linkname: str = "") -> bytes:
    info.type, info.mode, info.linkname = kind, mode, linkname
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


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
