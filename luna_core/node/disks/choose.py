"""Which disk of a node is which of its layout."""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from luna_core.node.disks.inventory import FoundDisk, Inventory
from luna_core.node.disks.layout import Disk, Layout
from luna_core.node.disks.sizes import fits


class Refused(Exception):
    """The layout can't be carried out, and nothing was written; the text is a sentence that says why."""


def choose(layout: Layout, inventory: Inventory) -> dict[str, FoundDisk]:
    """The disk for each name of the layout. Raises Refused where none fits, or several do.

    Those that must be one disk come before those that take the first of several: the one that luna gave the table of
    that name, for names change from boot to boot, or else one that it gave no other's.
    """
    chosen: dict[str, FoundDisk] = {}
    tables = {layout.table_id(disk.name): disk.name for disk in layout.disks}
    for disk in sorted(layout.disks, key=lambda one: one.first):
        chosen[disk.name] = _one(disk, inventory.disks, {one.path for one in chosen.values()}, tables)
    return {disk.name: chosen[disk.name] for disk in layout.disks}


def _one(disk: Disk, found: Iterable[FoundDisk], taken: Collection[str], tables: Mapping[str, str]) -> FoundDisk:
    def order(one: FoundDisk) -> tuple[bool, bool, int, str]:
        was = tables.get(one.table_id.lower(), "")
        return was != disk.name, was != "", len(one.path), one.path

    free = [one for one in found if one.path not in taken]
    fitting = sorted((one for one in free if _fits(disk, one)), key=order)
    if not fitting:
        there = ", ".join(map(str, free)) or "none"
        raise Refused(f"No unused disk fits {disk.name!r} ({disk.match}); there are: {there}.")
    if shared := [one for one in fitting if one.multipath]:
        raise Refused(f"{shared[0]} fits {disk.name!r} ({disk.match}), and luna doesn't install by several paths.")
    if len(fitting) > 1 and not disk.first:
        several = ", ".join(map(str, fitting))
        raise Refused(
            f"{len(fitting)} disks fit {disk.name!r} ({disk.match}): {several}. Say more of it, or first: true."
        )
    return fitting[0]


def _fits(disk: Disk, found: FoundDisk) -> bool:
    match = disk.match
    if found.explicit and not match.path and not match.serial:
        return False
    return (
        match.path in ("", found.path, *found.links)
        and match.serial in ("", found.serial)
        and fnmatchcase(found.model, match.model or "*")
        and fits(match.size, found.size_bytes)
    )
