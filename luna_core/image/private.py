"""Which files of a tree are the nodes' alone: anybody on the boot network can fetch shards, so these travel apart.

Private is what matches a pattern, and what an ordinary user of the node could not read either. `/usr`, `/boot` and the
like hold software that anybody can download; there only patterns count. A pattern after `-` exempts what only the mode
makes private. With the boot session's token a node gets them in one archive, the last that it unpacks.
"""

import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from luna_core.errors import LunaError
from luna_core.image.cut import Item
from luna_core.image.patterns import matcher
from luna_core.image.scan import Entry, Scan
from luna_core.image.shard import build
from luna_core.node.errors import shown
from luna_core.node.tar import BLOCK

# What every Linux may have, whatever its mode; and SELinux's policy store, which is large and the distribution's.
PATTERNS: Final = (
    *("/etc/shadow*", "/etc/gshadow*", "/etc/security/opasswd*", "/etc/ssh/ssh_host_*_key", "/etc/**/*.keytab"),
    *("/etc/ssl/private/**", "/etc/pki/**/private/**", "/etc/NetworkManager/system-connections/**"),
    *("/etc/wireguard/**", "/etc/munge/*.key", "/root/.ssh/id_*", "-/var/lib/selinux/**"),
)
_SOFTWARE: Final = (b"usr", b"boot", b"bin", b"sbin", b"lib", b"lib64")
# Held in memory at once, on the controller and on the node; and each node fetches it from the controller alone.
MOST_BYTES: Final = 64 << 20


def set_apart(found: Scan, patterns: Iterable[str]) -> None:
    """Move the private files of a scan, with all their names, to `found.private`. Raises BadInput for a bad pattern."""
    is_private = _predicate([*PATTERNS, *patterns])
    own = {one.path for one in found.files if is_private(one)}
    own |= {one.link_to for one in found.links if one.link_to is not None and is_private(one)}
    found.private = [one for one in (*found.files, *found.links) if (one.link_to or one.path) in own]
    found.files = [one for one in found.files if one.path not in own]
    found.links = [one for one in found.links if one.link_to not in own]


def private_archive(tree: Path, private: Sequence[Entry], salt: bytes) -> bytes:
    """The tar archive of private files, empty if there are none. Raises LunaError if they are too large, or as `build`.

    The manifest, which is public, has its hash. Behind the archive's end, where nobody reads it, `salt` keeps those who
    know all but one short password from trying passwords out on that hash.
    """
    size = sum(one.stat.st_size for one in private if one.link_to is None)
    if size > MOST_BYTES:
        largest = sorted(private, key=lambda one: one.stat.st_size, reverse=True)[:3]
        raise LunaError(
            f"private_files: the private files have {size >> 20} MiB; accepted are {MOST_BYTES >> 20} MiB at most. "
            f"The largest are {', '.join(shown(one.path) for one in largest)}; exclude them, make them "
            "readable by all, or exempt them with a pattern after '-'."
        )
    if not private:
        return b""
    whole = [Item(one, 0, one.stat.st_size, 0, 0) for one in private]
    return build(tree, whole) + salt.ljust(BLOCK, b"\0")


def _predicate(patterns: Sequence[str]) -> Callable[[Entry], bool]:
    matches = matcher((one for one in patterns if not one.startswith("-")), "private_files")
    is_exempt = matcher((one[1:] for one in patterns if one.startswith("-")), "private_files")

    def is_private(entry: Entry) -> bool:
        if entry.emptied or not stat.S_ISREG(entry.stat.st_mode) or not entry.stat.st_size:
            return False
        is_closed = not entry.stat.st_mode & stat.S_IROTH and entry.path.split(b"/")[0] not in _SOFTWARE
        return matches(entry.path) or (is_closed and not is_exempt(entry.path))

    return is_private
