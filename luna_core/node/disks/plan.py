"""A layout and what is on the disks → what is to be done. Nothing here touches a disk."""

from collections.abc import Collection, Iterable, Iterator

from luna_core.node.disks import encryption
from luna_core.node.disks.arrays import PlannedArray, plan_arrays
from luna_core.node.disks.choose import choose
from luna_core.node.disks.inventory import Content, Inventory
from luna_core.node.disks.layout import Layout, Use
from luna_core.node.disks.steps import Fate, Item, Kind, Plan, Step, wipe
from luna_core.node.disks.tables import KEPT_BIT, Table, plan_table
from luna_core.node.disks.volumes import PlannedGroup, plan_groups

_LABEL_OPTION = {"vfat": "-n"}
_MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
    "vfat": ("mkfs.vfat", "-F", "32"),
    "swap": ("mkswap",),
}


def plan(layout: Layout, inventory: Inventory) -> Plan:
    """What is to be done to make the disks as the layout says.

    Raises Refused, with a sentence, where no disk fits or something would be lost that nobody gave up.
    """
    chosen = choose(layout, inventory)
    encryption.refuse_closed(layout, inventory, chosen)
    tables = [plan_table(layout, disk, chosen[disk.name]) for disk in layout.disks]
    partitions = {one.wanted.name: one for table in tables for one in table.partitions}
    arrays = plan_arrays(layout, inventory, partitions)
    members = {name: (one.path, one.size_bytes, one.found is not None) for name, one in partitions.items()}
    members |= {one.raid.name: (one.path, one.size_bytes, one.found is not None) for one in arrays}
    groups = plan_groups(layout, inventory, members, may_wipe=all(disk.wipe for disk in layout.disks))
    items = [*_partition_items(tables), *_array_items(arrays), *_volume_items(groups)]
    stays = _staying(items, arrays, groups)
    unfinished = _unfinished(tables, arrays, items, stays)
    joining = {path for one in arrays if unfinished.isdisjoint(one.present) for path in one.lacking}
    steps = [
        *_stops(tables),
        *(step for table in tables for step in table.steps(stays, unfinished)),
        *(step for array in arrays for step in array.steps()),
        # They become copies from now on: a later step may fail, and the other members before the next installation.
        *_finish(tables, joining),
        *(step for group in groups for step in group.steps()),
        *_file_systems(items),
        *_finish(tables, unfinished - joining),
        *(step for group in groups for volume in group.volumes for step in volume.finish(group.group.name)),
    ]
    return Plan(items=tuple(items), steps=tuple(steps))


def _partition_items(tables: Iterable[Table]) -> Iterator[Item]:
    for table in tables:
        yield table.item()
        for one in table.partitions:
            content = one.found.content if one.found else None
            yield _item("partition", one.wanted, one.path, one.size_bytes, content)


def _array_items(arrays: Iterable[PlannedArray]) -> Iterator[Item]:
    for one in arrays:
        content = one.found.content if one.found else None
        on = f"RAID {one.raid.level} of {', '.join(one.raid.members)}"
        yield _item("raid", one.raid, one.path, one.size_bytes, content, on=on)


def _volume_items(groups: Iterable[PlannedGroup]) -> Iterator[Item]:
    for group in groups:
        yield group.item()
        for one in group.volumes:
            content = one.found.content if one.found else None
            name = group.group.name
            yield _item("volume", one.wanted, one.path, one.size_bytes, content, on=f"in {name}", group=name)


def _item(
    kind: Kind, use: Use, path: str, size_bytes: int, there: Content | None, on: str = "", group: str = ""
) -> Item:
    is_kept = use.keep and there is not None and there.type == use.content
    fate: Fate = "kept" if is_kept else "made" if there is None else "used"
    mapper = encryption.mapper(use.name, group) if use.encrypt else ""
    return Item(kind=kind, name=use.name, device=path, mapper=mapper, size_bytes=size_bytes, use=use, fate=fate, on=on)


def _staying(items: Iterable[Item], arrays: Iterable[PlannedArray], groups: Iterable[PlannedGroup]) -> set[str]:
    """The paths of all whose contents are not to be wiped."""
    kept = {one.device for one in items if one.fate == "kept"}
    in_arrays = {path for array in arrays for path in array.present}
    return kept | in_arrays | {path for group in groups if group.found for path in group.members}


def _unfinished(
    tables: Iterable[Table], arrays: Iterable[PlannedArray], items: Iterable[Item], stays: Collection[str]
) -> set[str]:
    """The paths of the partitions on which something is made that is to be kept from then on."""
    kept = {one.path for table in tables for one in table.partitions if one.is_kept}
    made = {one.name for one in items if one.kind == "raid" and one.use.keep and one.fate != "kept"}
    return (kept - set(stays)) | {one.path for array in arrays if array.raid.name in made for one in array.members}


def _finish(tables: Iterable[Table], paths: Collection[str]) -> Iterator[Step]:
    """Say of the partitions with these paths that what is to be kept is on them."""
    for table in tables:
        yield from table.marks(paths, KEPT_BIT, "is to be kept")


def _stops(tables: Iterable[Table]) -> Iterator[Step]:
    """End what is active on the disks, the topmost first: also what is used again, below which something may change."""
    stacked = dict.fromkeys(one for table in tables for one in table.found.stacked)
    for kind, path in sorted(stacked, key=lambda one: one[0].startswith("raid")):
        command = ("mdadm", "--stop", path) if kind.startswith("raid") else ("dmsetup", "remove", path)
        yield Step(why=f"{kind} {path} may be in the way", command=command)


def _file_systems(items: Iterable[Item]) -> Iterator[Step]:
    for one in items:
        if not one.use.format:
            continue
        why = f"{one.kind} {one.name} gets {one.use.format}"
        if one.kind != "partition" and one.fate != "kept":
            yield wipe(one.device, why)
        yield from encryption.steps(one)
        if one.fate != "kept":
            label = (_LABEL_OPTION.get(one.use.format, "-L"), one.use.label) if one.use.label else ()
            yield Step(why=why, command=(*_MAKERS[one.use.format], *label, one.path))
