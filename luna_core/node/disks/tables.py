"""What becomes of a disk's partition table; here is decided what may be lost."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import FoundDisk, FoundPartition
from luna_core.node.disks.layout import PREFIX, Disk, Layout, Partition
from luna_core.node.disks.sizes import MIB, REST, shown, size_bytes
from luna_core.node.disks.steps import Item, Step, wipe

# UEFI specification, section 5.3.3, GRUB's manual, and systemd's Discoverable Partitions.
TYPES: Final = {
    "bios": "21686148-6449-6e6f-744e-656564454649",
    "efi": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "linux": "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "swap": "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
    "raid": "a19d880f-05fc-4d3b-a006-743f0f84911e",
    "lvm": "e6d6d379-f507-44c2-a23c-238f2a3df928",
}
# The first two of the bits that belong to a partition's type (UEFI specification, section 5.3.3) which nobody uses.
# What is to be kept has the second one while it is made, and the first one from then on.
KEPT_BIT: Final = 56
UNFINISHED_BIT: Final = 57
_STACKED: Final = ("linux_raid_member", "LVM2_member")


@dataclass(frozen=True, kw_only=True)
class PlannedPartition:
    """A partition as it is to be, and the one of luna's that is there already, with the same extent."""

    wanted: Partition
    path: str
    type: str
    start_bytes: int
    size_bytes: int
    is_kept: bool
    found: FoundPartition | None = None

    def line(self, unfinished: Collection[str]) -> str:
        """As sfdisk(8) reads it."""
        bit = UNFINISHED_BIT if self.path in unfinished else KEPT_BIT
        kept = f', attrs="GUID:{bit}"' if self.is_kept else ""
        extent = f"start={self.start_bytes // MIB}MiB, size={self.size_bytes // MIB}MiB"
        return f'{extent}, type={TYPES[self.type]}, name="{PREFIX}{self.wanted.name}"{kept}'


@dataclass(frozen=True, kw_only=True)
class Table:
    """The partition table of one disk. It is written where it isn't already as it is to be."""

    disk: Disk
    found: FoundDisk
    id: str
    partitions: tuple[PlannedPartition, ...]
    is_new: bool

    def item(self) -> Item:
        """The disk itself."""
        lost = _described(self.found) if self.is_new and not self.found.is_blank else ""
        return Item(
            kind="disk",
            name=self.disk.name,
            device=str(self.found),
            on=str(self.disk.match),
            fate="made" if self.is_new else "used",
            wiped=lost,
        )

    def steps(self, stays: Collection[str], unfinished: Collection[str]) -> list[Step]:
        """Write the table, and wipe all partitions but those whose paths are in `stays`."""
        made = [] if self.is_new else self.marks(unfinished, UNFINISHED_BIT, "is to be kept, once it is made")
        if self.is_new:
            old = [wipe(one.path, f"{one} goes") for one in self.found.partitions if one.path not in stays]
            script = "\n".join(
                ["label: gpt", f"label-id: {self.id}", *(one.line(unfinished) for one in self.partitions), ""]
            )
            command = ("sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "never", self.found.path)
            made = [*old, Step(why=f"{self.found} gets a new partition table", command=command, stdin=script)]
            made.append(Step(why="the kernel learns of it", command=("partx", "--update", self.found.path)))
        fresh = [one for one in self.partitions if one.path not in stays]
        return [*made, *(wipe(one.path, f"partition {one.wanted.name} is to be empty") for one in fresh)]

    def marks(self, paths: Collection[str], bit: int, why: str) -> list[Step]:
        """Give those of its partitions that have these paths this bit and no other."""
        command = ("sfdisk", "--quiet", "--no-tell-kernel", "--part-attrs", self.found.path)
        return [
            Step(why=f"partition {one.wanted.name} {why}", command=(*command, str(number), f"GUID:{bit}"))
            for number, one in enumerate(self.partitions, 1)
            if one.path in paths
        ]


def plan_table(layout: Layout, disk: Disk, found: FoundDisk) -> Table:
    """What becomes of a disk. Raises Refused where something would be lost that nobody gave up."""
    if found.mounted:
        raise Refused(f"{found} for {disk.name!r} is in use, mounted at {', '.join(found.mounted)}.")
    names = [one.own_name for one in found.partitions]
    is_own = found.table == "gpt" and layout.is_own(found.table_id) and bool(names) and all(names)
    if not is_own and not found.is_blank and not disk.wipe:
        raise Refused(
            f"{found} for {disk.name!r} holds {_described(found)}, of which the layout knows nothing. "
            "Say wipe: true if it may go, or empty the disk."
        )
    if not is_own and layout.is_own(found.table_id):
        _refuse_loss_beside_others(layout, disk, found)
    there = {one.own_name: one for one in found.partitions} if is_own else {}
    planned = _extents(layout, disk, found, there)
    for old in there.values():
        _refuse_loss(layout, disk, found, old, planned)
    is_new = [_facts(one) for one in there.values()] != [
        (one.path, TYPES[one.type], one.start_bytes, one.size_bytes, one.wanted.name, one.is_kept, False)
        for one in planned
    ]
    return Table(disk=disk, found=found, id=layout.table_id(disk.name), partitions=tuple(planned), is_new=is_new)


def _facts(old: FoundPartition) -> tuple[object, ...]:
    return old.path, old.type, old.start_bytes, old.size_bytes, old.own_name, old.kept, old.unfinished


def expected_content(layout: Layout, part: Partition) -> str:
    """What blkid(8) calls what is to be on a partition."""
    if any(part.name in raid.members for raid in layout.raids):
        return "linux_raid_member"
    return "LVM2_member" if any(part.name in one.members for one in layout.volume_groups) else part.content


def _type(layout: Layout, part: Partition) -> str:
    kinds = {"linux_raid_member": "raid", "LVM2_member": "lvm", "swap": "swap"}
    return part.type or kinds.get(expected_content(layout, part), "linux")


def _extents(layout: Layout, disk: Disk, found: FoundDisk, there: dict[str, FoundPartition]) -> list[PlannedPartition]:
    """Where each partition lies: on whole MiB, between the first and the last, which hold the table and its copy."""
    fixed = sum(size_bytes(part.size) for part in disk.partitions if part.size != REST)
    room = found.size_bytes // MIB * MIB - 2 * MIB
    left = room - fixed
    if left < MIB * any(part.size == REST for part in disk.partitions):
        raise Refused(f"{found} is too small for {disk.name!r}: its partitions take {shown(fixed)} of {shown(room)}.")
    start, planned = MIB, []
    for number, part in enumerate(disk.partitions, 1):
        size = left if part.size == REST else size_bytes(part.size)
        old = there.get(part.name)
        planned.append(
            PlannedPartition(
                wanted=part,
                path=partition_path(found.path, number),
                type=_type(layout, part),
                start_bytes=start,
                size_bytes=size,
                is_kept=layout.is_kept(part.name),
                found=old if old and (old.start_bytes, old.size_bytes) == (start, size) else None,
            )
        )
        start += size
    return planned


def _refuse_loss_beside_others(layout: Layout, disk: Disk, found: FoundDisk) -> None:
    kept = [str(one) for one in found.partitions if one.kept and one.content.type and layout.is_kept(one.own_name)]
    if kept:
        raise Refused(
            f"{found} for {disk.name!r} holds {kept[0]}, which is to be kept, beside what luna didn't make: "
            f"{_described(found)}. Take that out, or take keep away if all may go."
        )


def _refuse_loss(
    layout: Layout, disk: Disk, found: FoundDisk, old: FoundPartition, planned: list[PlannedPartition]
) -> None:
    wanted = next((one for one in planned if one.wanted.name == old.own_name), None)
    if wanted is None:
        if old.kept and not disk.wipe:
            raise Refused(
                f"{old} on {found} was made to be kept, and the layout doesn't have {old.own_name!r} any more. "
                "Say wipe: true if it may go."
            )
        return
    expected = expected_content(layout, wanted.wanted)
    is_left_out = old.content.type in _STACKED and old.content.type != expected and not wanted.is_kept
    if is_left_out and old.kept and not disk.wipe:
        raise Refused(
            f"{old} on {found} holds what was made to be kept, and the layout doesn't have that any more. "
            "Say wipe: true if it may go."
        )
    if not wanted.is_kept or not old.content.type:
        return
    if old.content.type != expected:
        if old.kept:
            raise Refused(
                f"{old} on {found} is to be kept, but the layout has {expected} there. Take its keep away if it may go."
            )
    elif wanted.found is None or wanted.path != old.path:
        raise Refused(
            f"{old} on {found} is to be kept, but would move from {shown(old.size_bytes)} after "
            f"{shown(old.start_bytes)} to {shown(wanted.size_bytes)} after {shown(wanted.start_bytes)}. "
            "Put it back into its place in the layout, or take its keep away."
        )


def partition_path(disk: str, number: int) -> str:
    """The kernel's name of a partition."""
    return f"{disk}{'p' if disk[-1].isdigit() else ''}{number}"


def _described(found: FoundDisk) -> str:
    if found.content.type:
        return str(found.content)
    several = ", ".join(map(str, found.partitions))
    return f"a partition table ({found.table}) with {several}"
