"""Which file systems of a running machine are part of its operating system, by /proc/self/mountinfo (proc(5))."""

from dataclasses import dataclass

# Kinds that keep owners, links and attributes on a disk of the machine's own.
_LOCAL = frozenset(("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"))
_SYSTEM = frozenset(("bin", "boot", "etc", "lib", "lib64", "opt", "root", "sbin", "usr", "var"))


@dataclass(frozen=True)
class Mount:
    """Something mounted at `place`, of a `kind` as in ext4."""

    place: str
    kind: str


def foreign(mountinfo: str) -> list[Mount]:
    """What is mounted below the root and no part of the system: other machines', the kernel's, data, bind mounts."""
    found: dict[str, Mount] = {}
    seen: set[tuple[str, str]] = set()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(" "), after.split(" ")[0]
        if len(words) < 6:
            continue
        device, inner, place = words[2], words[3], _plain(words[4])
        if place == "/":
            # Mounted elsewhere once more it would be copied into itself.
            seen.add((device, inner))
            continue
        is_first = (device, inner) not in seen and (inner == "/" or kind == "btrfs")
        if kind in _LOCAL and place.split("/")[1] in _SYSTEM and is_first:
            seen.add((device, inner))
        else:
            found[place] = Mount(place, kind)
    return sorted(found.values(), key=lambda one: one.place)


def _plain(escaped: str) -> str:
    return escaped.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
