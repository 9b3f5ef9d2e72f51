"""Looks at the disks of this machine. What luna stacked on them is started, read-only where it can be."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from luna_core.node.disks import commands, look_encrypted, look_stacked, san
from luna_core.node.disks.choose import Refused, choose
from luna_core.node.disks.inventory import Content, FoundDisk, FoundPartition, Inventory
from luna_core.node.disks.layout import Layout
from luna_core.node.disks.probe import content, probe
from luna_core.node.disks.tables import KEPT_BIT, UNFINISHED_BIT

SECTOR_BYTES: Final = 512
_COLUMNS: Final = "NAME,KNAME,TYPE,SIZE,RO,RM,TRAN,SERIAL,MODEL,MOUNTPOINT"


def look(layout: Layout, key: str = "") -> Inventory:
    """What is on the disks, and in what the node's key opens. Raises DiskError where a program that is needed fails."""
    commands.settle()
    first = Inventory(disks=tuple(_disks(layout)))
    try:
        chosen = choose(layout, first)
    except Refused:
        return first
    look_stacked.confine_lvm([one.path for one in chosen.values()])
    own = [one for one in chosen.values() if layout.is_own(one.table_id)]
    arrays, groups = look_stacked.look(layout, own)
    inside = look_encrypted.look(layout, replace(first, arrays=arrays, groups=groups), key)
    if not arrays and not groups and not inside:
        return first
    return Inventory(disks=tuple(_disks(layout)), arrays=arrays, groups=groups).opened(inside)


def _disks(layout: Layout) -> Iterator[FoundDisk]:
    listed = json.loads(commands.run(["lsblk", "--json", "--bytes", "--output", _COLUMNS]))
    several = san.on_several_paths(listed["blockdevices"])
    for one in listed["blockdevices"]:
        is_disk = one["type"] in ("disk", "loop") and not one["kname"].startswith("zram")
        if is_disk and int(one["size"] or 0) and not _flag(one["ro"]):
            yield _disk(layout, one, is_multipath=one["kname"] in several)


def _disk(layout: Layout, one: Mapping[str, Any], *, is_multipath: bool) -> FoundDisk:
    path = f"/dev/{one['kname']}"
    found = probe(path)
    below = list(_below(one))
    parts = [each for each in below if each["type"] == "part"]
    there = content(found)
    if found.get("PTTYPE") and not parts and commands.run(["partx", "--show", "--noheadings", path]).strip():
        # As with a damaged header, of which libblkid, but not the kernel, looks at the copy.
        there = Content(type=f"a partition table ({found['PTTYPE']}) that the kernel can't read")
    links = {disk.match.path for disk in layout.disks if disk.match.path and os.path.realpath(disk.match.path) == path}
    return FoundDisk(
        path=path,
        size_bytes=int(one["size"]),
        serial=(one.get("serial") or _serial(one["kname"])).strip(),
        model=(one.get("model") or "").strip(),
        explicit=one["type"] == "loop" or _flag(one["rm"]) or is_multipath or san.is_networked(one),
        multipath=is_multipath,
        links=tuple(sorted(links - {path})),
        table=found.get("PTTYPE", ""),
        table_id=found.get("PTUUID", ""),
        content=there,
        partitions=tuple(sorted((_partition(each) for each in parts), key=lambda each: each.start_bytes)),
        stacked=tuple((each["type"], f"/dev/{each['kname']}") for each in reversed(below) if each["type"] != "part"),
        mounted=tuple(each["mountpoint"] for each in (one, *below) if each.get("mountpoint")),
    )


def _below(one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for child in one.get("children", ()):
        yield child
        yield from _below(child)


def _partition(one: Mapping[str, Any]) -> FoundPartition:
    path = f"/dev/{one['kname']}"
    found = probe(path)
    flags = int(found.get("PART_ENTRY_FLAGS", "0"), 16)
    unfinished = bool(flags >> UNFINISHED_BIT & 1)
    return FoundPartition(
        path=path,
        name=found.get("PART_ENTRY_NAME", ""),
        type=found.get("PART_ENTRY_TYPE", ""),
        start_bytes=int(found.get("PART_ENTRY_OFFSET", "0")) * SECTOR_BYTES,
        size_bytes=int(one["size"]),
        kept=bool(flags >> KEPT_BIT & 1),
        unfinished=unfinished,
        content=Content() if unfinished else content(found),
    )


def _flag(value: object) -> bool:
    """Older versions of lsblk write texts."""
    return value in (True, "1")


def _serial(name: str) -> str:
    """Where udev has no serial number, the kernel may."""
    for place in ("serial", "device/serial"):
        for text in san.says(name, place):
            return text
    page = Path("/sys/block", name, "device/vpd_pg80")
    # The unit serial number page of SCSI (SPC-4, section 7.8.18), which libata has for ATA disks too.
    return page.read_bytes()[4:].decode("ascii", "replace").strip() if page.exists() else ""
