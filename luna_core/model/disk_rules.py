"""What must hold within a layout of disks, beyond what each field says of itself."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from luna_core.model.disks import DiskLayout, Partition

REST = "rest"
# mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.vfat(8), mkswap(8)
LONGEST_LABEL = {"ext4": 16, "xfs": 12, "btrfs": 255, "vfat": 11, "swap": 15}
FEWEST_MEMBERS = 2


class Labelled(NamedTuple):
    """What a layout says of one file system."""

    format: str | None
    label: str | None
    mount: str | None
    mount_options: str | None
    keep: bool
    encrypt: str | None

    def problem(self) -> str:
        """What doesn't fit together, if anything."""
        if self.encrypt and not self.format:
            return "accepted with encrypt is a format as well: members are not encrypted, but what they make up"
        given = [name for name, value in self._asdict().items() if value and name != "format"]
        if given and not self.format:
            return f"accepted with {given[0]} is a format as well"
        if self.format == "swap" and (self.mount or self.mount_options or self.keep):
            return "accepted for swap are no mount, mount_options and keep"
        if self.mount_options and not self.mount:
            return "accepted with mount_options is a mount as well"
        if self.mount == "/" and self.format == "vfat":
            return "accepted at / are ext4, xfs and btrfs, not vfat"
        if self.encrypt and (self.format == "vfat" or self.mount == "/boot"):
            return f"accepted without encrypt is what firmware and boot loader read, {self.mount or self.format}"
        longest = LONGEST_LABEL.get(self.format or "", 0)
        if len(self.label or "") > longest:
            return f"accepted is a label of at most {longest} characters on {self.format}, not {self.label}"
        return ""


def first_problem(layout: "DiskLayout") -> str:
    """The first thing that is wrong with a layout, as what would be accepted; empty if there is none."""
    rules = (_empty, _names, _matches, _sizes, _types, _members, _arrays, _mounts, _boot)
    return next((problem for rule in rules for problem in rule(layout)), "")


def _partitions(layout: "DiskLayout") -> "dict[str, tuple[str, Partition]]":
    """Partitions by name, with the names of their disks."""
    return {one.name: (name, one) for name, disk in layout.disks.items() for one in disk.partitions}


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _empty(layout: "DiskLayout") -> Iterator[str]:
    if not layout.disks:
        yield "accepted are disks, one at least"
    for name, disk in layout.disks.items():
        if not disk.partitions:
            yield f"accepted as disks.{name}.partitions is one at least"
    for name, group in layout.volume_groups.items():
        if not group.members or not group.volumes:
            yield f"accepted as members and as volumes of volume_groups.{name} is one at least"


def _names(layout: "DiskLayout") -> Iterator[str]:
    partitions = [one.name for disk in layout.disks.values() for one in disk.partitions]
    for name in _twice([*partitions, *layout.raids]):
        yield f"accepted is each name for one partition or array, not {name} for several"
    for title, group in layout.volume_groups.items():
        for name in _twice(one.name for one in group.volumes):
            yield f"accepted is each name for one volume of {title}, not {name} for several"


def _matches(layout: "DiskLayout") -> Iterator[str]:
    for name, disk in layout.disks.items():
        if not disk.first and not any(value for _, value in disk.match):
            yield f"accepted as disks.{name}.match are path, serial, model and size, one at least, or first: true"


def _sizes(layout: "DiskLayout") -> Iterator[str]:
    rest = {}
    for name, disk in layout.disks.items():
        rest[f"disks.{name}"] = [one.name for one in disk.partitions if one.size == REST]
    for name, group in layout.volume_groups.items():
        rest[f"volume_groups.{name}"] = [one.name for one in group.volumes if one.size == REST]
    for title, found in rest.items():
        if len(found) > 1:
            yield f"accepted is size: rest for one of {title}, not for {' and '.join(found)}"


def _types(layout: "DiskLayout") -> Iterator[str]:
    used = {name for raid in layout.raids.values() for name in raid.members}
    for name, (disk, one) in _partitions(layout).items():
        where = f"disks.{disk}.partitions.{name}"
        if one.type == "bios" and one.format:
            yield f"accepted in {where} with type: bios is no format, not {one.format}"
        if one.type == "efi" and one.format != "vfat" and name not in used:
            yield f"accepted in {where} with type: efi is format: vfat, or to be the member of a RAID 1 that has it"


def _members(layout: "DiskLayout") -> Iterator[str]:
    partitions = _partitions(layout)
    known = {name for name, (_, one) in partitions.items() if one.type != "bios"}
    wanted = [(f"raids.{name}", raid.members, known) for name, raid in layout.raids.items()]
    both = known | set(layout.raids)
    wanted += [(f"volume_groups.{name}", group.members, both) for name, group in layout.volume_groups.items()]
    formats = {path.rsplit(".", 1)[-1]: use.format for path, use in layout.uses() if not path.startswith("volume_")}
    for title, members, accepted in wanted:
        for member in members:
            if member not in accepted:
                yield f"accepted as {title}.members are {', '.join(sorted(accepted)) or 'none yet'}, not {member}"
            elif formats[member]:
                yield f"accepted as {title}.members are those without a format, not {member} with {formats[member]}"
    for member in _twice(member for _, members, _ in wanted for member in members):
        yield f"accepted is each member in one array or volume group, not {member} in several"


def _arrays(layout: "DiskLayout") -> Iterator[str]:
    partitions = _partitions(layout)
    for name, raid in layout.raids.items():
        if len(raid.members) < FEWEST_MEMBERS:
            yield f"accepted as raids.{name}.members are {FEWEST_MEMBERS} at least, not {len(raid.members)}"
        for disk in _twice(partitions[member][0] for member in raid.members):
            yield f"accepted as raids.{name}.members are partitions of different disks, not several of {disk}"
        if any(partitions[member][1].type for member in raid.members) and (raid.level, raid.format) != (1, "vfat"):
            yield f"accepted of members of type efi is RAID 1 with format: vfat, not raids.{name}"


def _mounts(layout: "DiskLayout") -> Iterator[str]:
    for place in _twice(use.mount for _, use in layout.uses() if use.mount):
        yield f"accepted is one file system with mount: {place}, not several"


def _boot(layout: "DiskLayout") -> Iterator[str]:
    mounted = {use.mount: use for _, use in layout.uses() if use.mount}
    # With a key alone it is never booted from.
    if "/" in mounted and mounted["/"].encrypt == "tpm" and "/boot" not in mounted:
        yield "accepted with encrypt: tpm of / is a /boot of its own, which is not encrypted"
