"""What is left alone on both sides, as rsync's filter rules: what belongs to one machine is no part of an image."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from luna_core import types
from luna_core.errors import BadInput
from luna_core.image.private import PATTERNS
from luna_core.interfaces import Distro
from luna_core.operations.transfer.mounts import Mount

# Of any Linux: what lives in memory, data of users, what names one machine, its disks and its boot loader.
ALWAYS: Final = (
    *("/proc/*", "/sys/*", "/dev/*", "/run/*", "/tmp/*", "/var/tmp/*", "/mnt/*", "/media/*", "/home/*"),  # noqa: S108
    *("/lost+found", "/swapfile", "/.autorelabel", "/etc/hostname", "/etc/machine-id", "/etc/hosts"),
    *("/etc/resolv.conf", "/etc/fstab", "/etc/crypttab", "/etc/mdadm.conf", "/etc/mdadm/mdadm.conf", "/etc/adjtime"),
    *("/etc/lvm/archive/*", "/etc/lvm/backup/*", "/etc/lvm/devices/*", "/etc/multipath/bindings"),
    *("/etc/multipath/wwids", "/etc/udev/rules.d/70-persistent-*", "/etc/krb5.keytab", "/etc/ssh/ssh_host_*"),
    *("/boot/efi/*", "/efi/*", "/boot/grub/*", "/boot/grub2/*", "/boot/loader/*", "/etc/kernel/cmdline"),
    *("/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
)


def left_alone(distro: Distro, own: Sequence[str], files: Iterable[types.NodeFile]) -> Iterator[str]:
    """Rules for what neither goes nor is deleted: luna's, the distribution's, the site's `own`, a node's `files`.

    Raises BadInput for an own pattern that rsync could not be told.
    """
    for pattern in own:
        if not pattern.strip() or "\n" in pattern:
            raise BadInput(
                f"grab_excludes: {pattern!r} was given; accepted is a pattern of rsync(1), one line, as /srv/data."
            )
    yield from (f"- {one}" for one in ALWAYS)
    yield from (f"- {one}" for pattern in distro.pack_excludes() for one in translated(pattern))
    yield from (f"- {one}" for one in (*distro.grab_excludes(), *own))
    yield from (f"- {literal(one.path)}" for one in files)


def of_mounts(mounts: Iterable[Mount], *, with_place: bool) -> Iterator[str]:
    """Rules for what is no part of the system; the directory that it is mounted on counts unless `with_place`."""
    yield from (f"- {literal(one.place)}{'' if with_place else '/*'}" for one in mounts)


def of_files_mounted(mounts: Iterable[Mount]) -> Iterator[str]:
    """Rules, the last ones, for what is mounted on a file: its content is of elsewhere too."""
    for one in mounts:
        yield from (f"+ {literal(one.place)}/", f"- {literal(one.place)}")


def kept_private(distro: Distro, image: types.Image) -> Iterator[str]:
    """Rules by which private files that only the node has are not deleted: it may have them from elsewhere."""
    for pattern in (*PATTERNS, *distro.private_files(), *image.private_files):
        if not pattern.startswith("-"):
            yield from (f"P {one}" for one in translated(pattern))


def translated(pattern: str) -> list[str]:
    """A pattern of luna_core.image.patterns as rsync's: there `/**/` stands for one directory at least."""
    whole = re.sub(r"/\*\*$", "/***", pattern)
    return list(dict.fromkeys((whole, whole.replace("/**/", "/"))))


def literal(path: str) -> str:
    """A path in which nothing is a wildcard, but for line ends, which no rule can have.

    rsync reads a backslash as an escape only where there is a wildcard.
    """
    if not re.search(r"[*?\[\n]", path):
        return path
    return re.sub(r"([\\*?\[])", r"\\\1", path).replace("\n", "?")
