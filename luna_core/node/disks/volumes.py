"""What becomes of the volume groups and their volumes: lvm(8)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import FoundGroup, FoundVolume, Inventory
from luna_core.node.disks.layout import Layout, Volume, VolumeGroup
from luna_core.node.disks.sizes import MIB, REST, shown, size_bytes
from luna_core.node.disks.steps import Item, Step

KEPT_TAG: Final = "luna_keep"
# What is to be kept has this one while it is made, and the other one from then on.
UNFINISHED_TAG: Final = "luna_unfinished"
EXTENT_BYTES: Final = 4 * MIB


@dataclass(frozen=True, kw_only=True)
class PlannedVolume:
    """A volume as it is to be; with `found` it is that one."""

    wanted: Volume
    path: str
    size_bytes: int
    found: FoundVolume | None

    def steps(self, group: str) -> list[Step]:
        """Make it, if it isn't there."""
        if self.found:
            return list(self._marks(group, self.found))
        size = ("--extents", "100%FREE") if self.wanted.size == REST else ("--size", f"{size_bytes(self.wanted.size)}b")
        tags = ("--addtag", UNFINISHED_TAG) if self.wanted.keep else ()
        quiet = ("--yes", "--wipesignatures", "y", "--zero", "y")
        command = ("lvm", "lvcreate", *quiet, *tags, *size, "--name", self.wanted.name, group)
        return [Step(why=f"volume {self.wanted.name} is made", command=command)]

    def finish(self, group: str) -> list[Step]:
        """Say of what is to be kept that it is made."""
        is_said = self.is_kept and self.found and self.found.kept
        if not self.wanted.keep or is_said:
            return []
        return [self._tagged(group, "is to be kept", "--addtag", KEPT_TAG, "--deltag", UNFINISHED_TAG)]

    @property
    def is_kept(self) -> bool:
        """Whether what is to be kept is there."""
        return self.wanted.keep and self.found is not None and self.found.content.type == self.wanted.content

    def _marks(self, group: str, found: FoundVolume) -> Iterator[Step]:
        if self.wanted.keep and not self.is_kept:
            why = "is to be kept, once it is made"
            yield self._tagged(group, why, "--addtag", UNFINISHED_TAG, "--deltag", KEPT_TAG)
        elif not self.wanted.keep and (found.kept or found.unfinished):
            yield self._tagged(group, "need not be kept", "--deltag", UNFINISHED_TAG, "--deltag", KEPT_TAG)

    def _tagged(self, group: str, why: str, *tags: str) -> Step:
        name = self.wanted.name
        return Step(why=f"volume {name} {why}", command=("lvm", "lvchange", *tags, f"{group}/{name}"))


@dataclass(frozen=True, kw_only=True)
class PlannedGroup:
    """A volume group as it is to be; with `found` it is that one, without those volumes that are in `removed`."""

    group: VolumeGroup
    members: tuple[str, ...]
    size_bytes: int
    volumes: tuple[PlannedVolume, ...]
    found: FoundGroup | None
    removed: tuple[str, ...] = ()

    def steps(self) -> list[Step]:
        """Make it, or take it as it is, and then its volumes, the one that gets the rest last."""
        name = self.group.name
        if self.found is None:
            create = [
                ("lvm", "pvcreate", "--yes", "-ff", *self.members),
                ("lvm", "vgcreate", "--yes", name, *self.members),
            ]
            steps = [Step(why=f"volume group {name} is made", command=command) for command in create]
        else:
            activate = ("lvm", "vgchange", "--activate", "y", name)
            steps = [Step(why=f"volume group {name} is there", command=activate)]
        for old in self.removed:
            remove = ("lvm", "lvremove", "--yes", f"{name}/{old}")
            steps.append(Step(why=f"volume {old} goes or gets another size", command=remove))
        for volume in sorted(self.volumes, key=lambda one: one.wanted.size == REST):
            steps += volume.steps(name)
        return steps

    def item(self) -> Item:
        """The volume group itself."""
        return Item(
            kind="volume group",
            name=self.group.name,
            device=self.group.name,
            size_bytes=self.size_bytes,
            on=f"of {', '.join(self.group.members)}",
            fate="used" if self.found else "made",
        )


def plan_groups(
    layout: Layout, inventory: Inventory, members: Mapping[str, tuple[str, int, bool]], *, may_wipe: bool
) -> list[PlannedGroup]:
    """What becomes of each volume group. `members` has path, size in bytes and whether it stays, by name.

    Raises Refused where something to be kept would be lost, or the volumes don't fit.
    """
    for found in inventory.groups:
        wanted = next((one for one in layout.volume_groups if one.name == found.name), None)
        _refuse_loss(found, wanted, may_wipe=may_wipe)
    return [_plan(group, inventory, members) for group in layout.volume_groups]


def _plan(group: VolumeGroup, inventory: Inventory, members: Mapping[str, tuple[str, int, bool]]) -> PlannedGroup:
    chosen = [members[name] for name in group.members]
    found = next((one for one in inventory.groups if one.name == group.name), None)
    if found and not (set(found.members) == {path for path, _, _ in chosen} and all(stays for _, _, stays in chosen)):
        if kept := [one.name for one in found.volumes if _stays(group, one)]:
            raise Refused(
                f"Volume {kept[0]} of {group.name} is to be kept, but {group.name} is on {', '.join(found.members)} "
                f"and not on {', '.join(path for path, _, _ in chosen)}."
            )
        found = None
    extent = found.extent_bytes if found else EXTENT_BYTES
    room = found.size_bytes if found else sum((size - MIB) // extent * extent for _, size, _ in chosen)
    volumes = _volumes(group, found, extent, room)
    there = {one.name for one in found.volumes} if found else set()
    return PlannedGroup(
        group=group,
        members=tuple(path for path, _, _ in chosen),
        size_bytes=room,
        volumes=tuple(volumes),
        found=found,
        removed=tuple(sorted(there - {one.found.name for one in volumes if one.found})),
    )


def _volumes(group: VolumeGroup, found: FoundGroup | None, extent: int, room: int) -> list[PlannedVolume]:
    there = {one.name: one for one in found.volumes} if found else {}
    sizes = {one.name: -(-size_bytes(one.size) // extent) * extent for one in group.volumes if one.size != REST}
    for one in group.volumes:
        old = there.get(one.name)
        if old and _stays(group, old) and sizes.setdefault(one.name, old.size_bytes) != old.size_bytes:
            raise Refused(
                f"Volume {one.name} of {group.name} is to be kept with its {shown(old.size_bytes)}, but the layout "
                f"gives it {one.size}."
            )
    left = room - sum(sizes.values())
    if left < extent * (len(sizes) < len(group.volumes)):
        wanted = ", ".join(f"{name} with {shown(size)}" for name, size in sizes.items())
        raise Refused(f"Volume group {group.name} has {shown(room)}, too little for {wanted}.")
    sizes = {one.name: sizes.get(one.name, left) for one in group.volumes}
    is_same = sizes == {one.name: one.size_bytes for one in there.values()}
    return [
        PlannedVolume(
            wanted=one,
            path=f"/dev/{group.name}/{one.name}",
            size_bytes=sizes[one.name],
            found=old if (old := there.get(one.name)) and (is_same or _stays(group, old)) else None,
        )
        for one in group.volumes
    ]


def _stays(group: VolumeGroup, found: FoundVolume) -> bool:
    return any(one.keep and one.content == found.content.type for one in group.volumes if one.name == found.name)


def _refuse_loss(found: FoundGroup, group: VolumeGroup | None, *, may_wipe: bool) -> None:
    wanted: Sequence[Volume] = group.volumes if group else ()
    for old in found.volumes:
        now = next((one for one in wanted if one.name == old.name), None)
        if not old.kept or not old.content.type:
            continue
        if now is None and not may_wipe:
            raise Refused(
                f"Volume {old.name} of {found.name} ({old.content}) was made to be kept, and the layout doesn't have "
                "it any more. Say wipe: true of its disks if it may go."
            )
        if now and now.keep and now.content != old.content.type:
            raise Refused(
                f"Volume {old.name} of {found.name} ({old.content}) is to be kept, but the layout has {now.content} "
                "there. Take its keep away if it may go."
            )
