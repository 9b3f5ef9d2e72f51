"""A layout of two mirrored disks as administrators write it, and disks as a node would find them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from luna_core.node.disks.inventory import (
    Content,
    FoundArray,
    FoundDisk,
    FoundGroup,
    FoundPartition,
    FoundVolume,
    Inventory,
)
from luna_core.node.disks.layout import Layout, Raid, VolumeGroup, read_layout
from luna_core.node.disks.plan import plan
from luna_core.node.disks.steps import Item
from luna_core.node.disks.tables import TYPES, Table, expected_content, plan_table
from luna_core.node.disks.volumes import EXTENT_BYTES

GIB = 1 << 30
SIMPLE: Mapping[str, Any] = {
    "disks": {
        "system": {
            "match": {"serial": "A1"},
            "partitions": [
                {"name": "bios", "type": "bios", "size": "1M"},
                {"name": "root", "size": "2G", "format": "ext4", "mount": "/"},
                {"name": "swap", "size": "1G", "format": "swap"},
                {"name": "scratch", "size": "rest", "format": "xfs", "mount": "/scratch", "keep": True},
            ],
        }
    }
}
MIRRORED: Mapping[str, Any] = {
    "disks": {
        name: {
            "match": {"serial": serial},
            "partitions": [{"name": f"root{number}", "size": "2G"}, {"name": f"pv{number}", "size": "rest"}],
        }
        for number, (name, serial) in enumerate((("one", "A1"), ("two", "B2")), 1)
    },
    "raids": {
        "system": {"level": 1, "members": ["root1", "root2"], "format": "ext4", "mount": "/"},
        "data": {"level": 1, "members": ["pv1", "pv2"]},
    },
    "volume_groups": {
        "vg0": {
            "members": ["data"],
            "volumes": [
                {"name": "var", "size": "1G", "format": "ext4", "mount": "/var"},
                {"name": "scratch", "size": "rest", "format": "xfs", "mount": "/scratch", "keep": True},
            ],
        }
    },
}


def _copied(document: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(document))


@pytest.fixture
def simple() -> Any:
    """One disk with a root, swap, and a file system to be kept; to be changed at will."""
    return _copied(SIMPLE)


@pytest.fixture
def mirrored() -> Any:
    """A root on RAID 1 and a volume group on another, with a volume to be kept."""
    return _copied(MIRRORED)


@pytest.fixture
def read() -> Callable[[Any], Layout]:
    """The layout of a node of a document."""
    return lambda document: read_layout("node-1", document)


@pytest.fixture
def blank() -> Callable[..., FoundDisk]:
    """An empty disk of 10 GiB."""

    def make(path: str = "/dev/sda", serial: str = "A1", **facts: Any) -> FoundDisk:
        return FoundDisk(path=path, serial=serial, **{"size_bytes": 10 * GIB, "model": "QEMU HARDDISK", **facts})

    return make


@pytest.fixture
def installed(blank: Callable[..., FoundDisk]) -> Callable[[Layout], Inventory]:
    """What the plan for blank disks leaves, so that a second installation finds the first one's work."""

    def make(layout: Layout) -> Inventory:
        empty = [blank(f"/dev/sd{'ab'[number]}", disk.match.serial) for number, disk in enumerate(layout.disks)]
        items = plan(layout, Inventory(disks=tuple(empty))).items
        made = {one.name: one for one in items if one.kind == "partition"}
        tables = {disk.name: plan_table(layout, disk, found) for disk, found in zip(layout.disks, empty, strict=True)}
        return Inventory(
            disks=tuple(_disk(layout, table) for table in tables.values()),
            arrays=tuple(_array(raid, [made[name].device for name in raid.members]) for raid in layout.raids),
            groups=tuple(
                _group(group, [one for one in items if one.kind == "volume"]) for group in layout.volume_groups
            ),
        )

    return make


def _disk(layout: Layout, table: Table) -> FoundDisk:
    partitions = tuple(
        FoundPartition(
            path=one.path,
            name=f"luna-{one.wanted.name}",
            type=TYPES[one.type],
            start_bytes=one.start_bytes,
            size_bytes=one.size_bytes,
            kept=one.is_kept,
            content=Content(type=expected_content(layout, one.wanted)),
        )
        for one in table.partitions
    )
    return replace(table.found, table="gpt", table_id=table.id, partitions=partitions)


def _array(raid: Raid, members: Sequence[str]) -> FoundArray:
    facts = {"path": f"/dev/md/{raid.name}", "uuid": raid.name, "name": raid.name, "level": raid.level}
    content = Content(type=raid.content or "LVM2_member")
    return FoundArray(**facts, devices=len(members), members=tuple(members), content=content)  # type: ignore[arg-type]


def _group(group: VolumeGroup, volumes: Sequence[Item]) -> FoundGroup:
    found = [
        FoundVolume(name=one.name, size_bytes=one.size_bytes, kept=one.use.keep, content=Content(type=one.use.content))
        for one in volumes
    ]
    return FoundGroup(
        name=group.name,
        extent_bytes=EXTENT_BYTES,
        size_bytes=sum(one.size_bytes for one in volumes),
        members=tuple(f"/dev/md/{name}" for name in group.members),
        volumes=tuple(found),
    )


@pytest.fixture
def commands() -> Callable[..., list[str]]:
    """The commands of a plan that match a regular expression, as lines."""

    def find(layout: Layout, inventory: Inventory, pattern: str = "") -> list[str]:
        lines = [" ".join(step.command) for step in plan(layout, inventory).steps]
        return [line for line in lines if re.search(pattern, line)]

    return find
