"""Arrays and volume groups on disks that luna made; of others', nothing is ever started."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from luna_core.node.disks import commands
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.commands import DiskError
from luna_core.node.disks.inventory import (
    UNSTARTED,
    Content,
    FoundArray,
    FoundDisk,
    FoundGroup,
    FoundPartition,
    FoundVolume,
)
from luna_core.node.disks.layout import Layout
from luna_core.node.disks.probe import content, probe
from luna_core.node.disks.volumes import KEPT_TAG, UNFINISHED_TAG

_REPORT = ("--reportformat", "json", "--units", "b", "--nosuffix")
# Of every command of lvm(8).
_FAILED = 5
# What pvs(8) calls the group of a physical volume that is in use, but by none that it finds.
_UNREAD = "[unknown]"


def look(layout: Layout, own: Sequence[FoundDisk]) -> tuple[tuple[FoundArray, ...], tuple[FoundGroup, ...]]:
    """Start and describe the arrays and volume groups that are on these disks and in the layout."""
    partitions = [part for disk in own for part in disk.partitions if part.own_name]
    members = [part for part in partitions if part.content.type == "linux_raid_member"]
    arrays = tuple(_arrays(layout, members)) if members and layout.raids else ()
    paths = {part.path: part.path for part in partitions if part.content.type == "LVM2_member"}
    paths |= {os.path.realpath(one.path): one.path for one in arrays if one.content.type == "LVM2_member"}
    return arrays, tuple(_groups(layout, paths)) if paths and commands.has("lvm") else ()


def confine_lvm(disks: Sequence[str]) -> None:
    """Let LVM see the partitions of these disks, and arrays, and nothing else."""
    commands.LVM_DIRECTORY.mkdir(parents=True, exist_ok=True)
    accepted = ", ".join(f'"a|^{re.escape(path)}p?[0-9]+$|"' for path in disks)
    devices = f'devices {{ global_filter = [ {accepted}, "a|^/dev/md|", "r|.*|" ] }}'
    text = "\n".join((devices, "backup { backup = 0", "archive = 0 }", ""))
    (commands.LVM_DIRECTORY / "lvm.conf").write_text(text)


def _arrays(layout: Layout, members: Sequence[FoundPartition]) -> Iterator[FoundArray]:
    examined = [(part.path, commands.facts(["mdadm", "--examine", "--export", part.path])) for part in members]
    for raid in layout.raids:
        named = [(path, one) for path, one in examined if one.get("MD_NAME", "").rpartition(":")[2] == raid.name]
        if not named:
            continue
        if len({one["MD_UUID"] for _, one in named}) > 1 and layout.is_kept(raid.name):
            raise Refused(
                f"{' and '.join(path for path, _ in named)} are of several arrays called {raid.name}, which is to be "
                "kept. Empty or take out what is not to be used."
            )
        # Of two with one name, the one that was written to last.
        _, newest = max(named, key=lambda found: int(found[1].get("MD_EVENTS", "0")))
        yield _array(raid.name, newest, [path for path, one in named if one["MD_UUID"] == newest["MD_UUID"]])


def _array(name: str, examined: Mapping[str, str], members: Sequence[str]) -> FoundArray:
    path = f"/dev/md/{name}"
    try:
        if not os.path.exists(path):
            commands.run(["mdadm", "--assemble", "--readonly", "--run", path, *members])
            commands.settle()
        detail = commands.facts(["mdadm", "--detail", "--export", path])
        active = [value for key, value in detail.items() if key.startswith("MD_DEVICE_") and key.endswith("_DEV")]
        there = content(probe(path))
    except DiskError:
        # Too few members are left: whether it may go is for the plan.
        commands.run(["mdadm", "--stop", path], accepted=range(256))
        active, there = list(members), Content(type=UNSTARTED)
    return FoundArray(
        path=path,
        uuid=examined["MD_UUID"],
        name=name,
        level=int(examined["MD_LEVEL"].removeprefix("raid")),
        devices=int(examined["MD_DEVICES"]),
        members=tuple(sorted(active)),
        content=there,
    )


def _groups(layout: Layout, paths: Mapping[str, str]) -> Iterator[FoundGroup]:
    """`paths` has the plan's names of physical volumes by those of the kernel."""
    physical = _report("pvs", "pv_name,vg_name")
    unread = [
        one["pv_name"] for one in physical if one["vg_name"] == _UNREAD and os.path.realpath(one["pv_name"]) in paths
    ]
    if unread and any(volume.keep for group in layout.volume_groups for volume in group.volumes):
        raise Refused(
            f"{' and '.join(unread)} belongs to a volume group that LVM can't read, and volumes are to be kept. Repair "
            "it, as vgck(8) and vgcfgrestore(8) do, or take their keep away if they may go."
        )
    for one in _report("vgs", "vg_name,vg_size,vg_extent_size,vg_missing_pv_count"):
        name = one["vg_name"]
        members = [os.path.realpath(each["pv_name"]) for each in physical if each["vg_name"] == name]
        # Without a member some volumes can't be activated, and so not be read: whether they may go is for the plan.
        accepted = (0, _FAILED) if int(one["vg_missing_pv_count"]) else (0,)
        commands.run(["lvm", "vgchange", "--activate", "y", name], accepted=accepted)
        commands.settle()
        volumes = [each for each in _report("lvs", "vg_name,lv_name,lv_size,lv_tags") if each["vg_name"] == name]
        yield FoundGroup(
            name=name,
            extent_bytes=int(one["vg_extent_size"]),
            size_bytes=int(one["vg_size"]),
            members=tuple(sorted(paths.get(member, member) for member in members)),
            volumes=tuple(_volume(name, each) for each in volumes),
        )


def _volume(group: str, one: Mapping[str, str]) -> FoundVolume:
    tags = one["lv_tags"].split(",")
    unfinished = UNFINISHED_TAG in tags
    return FoundVolume(
        name=one["lv_name"],
        size_bytes=int(one["lv_size"]),
        kept=KEPT_TAG in tags,
        unfinished=unfinished,
        content=Content() if unfinished else content(probe(f"/dev/{group}/{one['lv_name']}")),
    )


def _report(command: str, columns: str) -> list[dict[str, str]]:
    document: Any = json.loads(commands.run(["lvm", command, *_REPORT, "--options", columns]))
    found: list[dict[str, str]] = document["report"][0][command.removesuffix("s")]
    return found
