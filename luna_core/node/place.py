"""Put entries under the new root, whatever is there already, and never outside of it.

Every name is resolved one directory at a time from the root's descriptor without following symbolic links, so that no
link inside the image, old or new, can lead a write elsewhere.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, TypeVar

from luna_core.node.errors import UnpackError, shown
from luna_core.node.flags import UNSUPPORTED, write_flags
from luna_core.node.tar import BLOCK_DEVICE, CHARACTER, FIFO, REGULAR, SYMLINK, Entry

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
T = TypeVar("T")
_SPECIAL: Final = {CHARACTER: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK, FIFO: stat.S_IFIFO}


class Placer:
    """Places entries below `root`; for one thread at a time. `lost` collects in words what could not be restored."""

    def __init__(self, root: int) -> None:
        self.lost: list[str] = []
        self._root = root
        self._parent = b""
        self._descriptor = root

    def __enter__(self) -> "Placer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def file(self, entry: Entry) -> None:
        """Make a file of any kind but a directory or a link, in place of what has its name; parts join what is there.

        Raises UnpackError if the name leads out of the root or through something that is no directory, OSError else.
        """
        parent, name = self._locate(entry.path)
        if entry.kind == REGULAR:
            self._regular(parent, name, entry)
        elif entry.kind == SYMLINK:
            self._replace(parent, name, lambda: os.symlink(entry.target, name, dir_fd=parent))
            self._attributes_by_name(parent, name, entry)
        elif entry.kind in _SPECIAL:
            mode = _SPECIAL[entry.kind] | 0o600
            self._replace(parent, name, lambda: os.mknod(name, mode, os.makedev(*entry.device), dir_fd=parent))
            self._attributes_by_name(parent, name, entry)
        else:
            raise UnpackError(f"{shown(entry.path)} has the unknown type {entry.kind}.")

    def directory(self, entry: Entry) -> None:
        """Make a directory, with its parents, where there is none."""
        self._enter(entry.path)

    def link(self, entry: Entry) -> None:
        """Give the file `entry.target`, which must be there, the further name `entry.path`."""
        there, first = self._locate(entry.target)
        there = os.dup(there)
        try:
            here, name = self._locate(entry.path)
            self._replace(
                here, name, lambda: os.link(first, name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
            )
        finally:
            os.close(there)

    def directory_attributes(self, entry: Entry) -> None:
        """Give a directory its owner, mode, extended attributes and time, once nothing more is made in it."""
        self._attributes(self._enter(entry.path), entry)

    def flags(self, entry: Entry) -> None:
        """Set inode flags, after which the file may be immutable."""
        parent, name = self._locate(entry.path)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            write_flags(descriptor, entry.flags)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            self.lost.append(f"{shown(entry.path)}: the file system has no inode flags ({', '.join(entry.flags)})")
        finally:
            os.close(descriptor)

    def _regular(self, parent: int, name: bytes, entry: Entry) -> None:
        if entry.sparse:
            # Other parts of the same file may be written at this moment, so it is neither removed nor shortened to 0.
            descriptor = os.open(name, _WRITE | os.O_NONBLOCK, 0o600, dir_fd=parent)
        else:
            descriptor = self._replace(parent, name, lambda: os.open(name, _WRITE | os.O_EXCL, 0o600, dir_fd=parent))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnpackError(f"{shown(entry.path)} is in the way; it is not a file.")
            if entry.sparse:
                os.ftruncate(descriptor, entry.size_bytes)
            for offset, data in entry.regions:
                write_at(descriptor, data, offset)
            self._attributes(descriptor, entry)
        finally:
            os.close(descriptor)

    def _replace(self, parent: int, name: bytes, make: Callable[[], T]) -> T:
        try:
            return make()
        except FileExistsError:
            os.unlink(name, dir_fd=parent)
            return make()

    def _attributes(self, descriptor: int, entry: Entry) -> None:
        # chown clears setuid bits and capabilities, so it comes first; xattrs may hold an ACL, which the mode contains.
        os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode)
        for name, value in entry.xattrs.items():
            self._xattr(descriptor, name, value, entry.path)
        os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))

    def _attributes_by_name(self, parent: int, name: bytes, entry: Entry) -> None:
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        if entry.kind != SYMLINK:
            os.chmod(name, entry.mode, dir_fd=parent)
        for key, value in entry.xattrs.items():
            # There is no setxattrat before Linux 6.13; below /proc only the last component is left to resolve.
            self._xattr(b"/proc/self/fd/%d/%b" % (parent, name), key, value, entry.path)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _xattr(self, where: int | bytes, name: bytes, value: bytes, path: bytes) -> None:
        try:
            os.setxattr(where, name, value, follow_symlinks=isinstance(where, int))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL, errno.ENOSPC, errno.E2BIG):
                raise
            self.lost.append(f"{shown(path)}: extended attribute {shown(name)}: {error.strerror}")

    def _locate(self, path: bytes) -> tuple[int, bytes]:
        parent, _, name = path.rpartition(b"/")
        if name in (b"", b".", b".."):
            raise UnpackError(f"{shown(path)} is not a name below the root.")
        return self._enter(parent or b"."), name

    def _enter(self, path: bytes) -> int:
        """The descriptor of a directory, valid until the next call; the directory is made if it isn't there."""
        if path == self._parent:
            return self._descriptor
        self._leave()
        descriptor = os.dup(self._root)
        for name in path.split(b"/") if path != b"." else ():
            descriptor = _step(descriptor, name, path)
        self._parent, self._descriptor = path, descriptor
        return descriptor

    def _leave(self) -> None:
        if self._descriptor != self._root:
            os.close(self._descriptor)
        self._parent, self._descriptor = b"", self._root


def _step(descriptor: int, name: bytes, path: bytes) -> int:
    try:
        if name in (b"", b".", b".."):
            raise UnpackError(f"{shown(path)} is not a name below the root.")
        try:
            return os.open(name, _DIRECTORY, dir_fd=descriptor)
        except FileNotFoundError:
            with suppress(FileExistsError):  # another thread may need it too
                os.mkdir(name, 0o700, dir_fd=descriptor)
            return os.open(name, _DIRECTORY, dir_fd=descriptor)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UnpackError(f"{shown(path)}: {shown(name)} is in the way; it is not a directory.") from error
        raise
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of `data` from `offset` on."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
