"""Inode flags such as immutable (ioctl_iflags(2), chattr(1))."""

import errno
import fcntl
import struct
from typing import Final

# The names are those of star and bsdtar in the PAX keyword SCHILY.fflags; the values are from linux/fs.h.
FLAGS: Final = {"sync": 0x8, "schg": 0x10, "sappnd": 0x20, "nodump": 0x40, "noatime": 0x80, "dirsync": 0x10000}
UNSUPPORTED: Final = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
# The kernel copies an int, though both numbers were defined with a long, which has 8 bytes here.
_GET: Final = 0x80006601 | struct.calcsize("l") << 16
_SET: Final = 0x40006602 | struct.calcsize("l") << 16
_KEPT: Final = sum(FLAGS.values())


def read_flags(descriptor: int) -> tuple[str, ...]:
    """The names of the flags that are set on an open file or directory, sorted; none where there can be none."""
    try:
        bits = _bits(descriptor)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return ()
        raise
    return tuple(sorted(name for name, bit in FLAGS.items() if bits & bit)) if bits & _KEPT else ()


def write_flags(descriptor: int, names: tuple[str, ...]) -> None:
    """Set exactly these flags. Raises OSError, with errno in UNSUPPORTED if the file system has no such flags."""
    bits = _bits(descriptor) & ~_KEPT | sum(FLAGS[name] for name in names)
    fcntl.ioctl(descriptor, _SET, struct.pack("i", bits))


def _bits(descriptor: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(descriptor, _GET, b"\0" * 4))[0])
