"""What becomes of the software RAIDs: assembled as they are, completed, or made. mdadm(8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import UNSTARTED, FoundArray, Inventory
from luna_core.node.disks.layout import Layout, Raid
from luna_core.node.disks.steps import Step
from luna_core.node.disks.tables import PlannedPartition


@dataclass(frozen=True, kw_only=True)
class PlannedArray:
    """An array as it is to be; with `found` it is that one, which lacks those members that are not `present`."""

    raid: Raid
    members: tuple[PlannedPartition, ...]
    size_bytes: int
    found: FoundArray | None
    present: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is once it runs."""
        return f"/dev/md/{self.raid.name}"

    @property
    def lacking(self) -> tuple[str, ...]:
        """The paths of those that an array which is there doesn't have."""
        return tuple(one.path for one in self.members if self.found and one.path not in self.present)

    def steps(self) -> list[Step]:
        """Make it, or assemble it and add what it lacks."""
        paths = tuple(one.path for one in self.members)
        if self.found is None:
            # What firmware reads must look like a plain partition: such a superblock lies at the end.
            metadata = "1.0" if self.raid.format == "vfat" else "1.2"
            options = ("--run", f"--name={self.raid.name}", "--homehost=any", f"--metadata={metadata}")
            shape = (f"--level={self.raid.level}", f"--raid-devices={len(paths)}")
            bitmap = ("--bitmap=internal",) if self.raid.level else ()
            command = ("mdadm", "--create", self.path, *options, *shape, *bitmap, *paths)
            return [Step(why=f"array {self.raid.name} is made", command=command)]
        why = f"array {self.raid.name} is there"
        steps = [Step(why=why, command=("mdadm", "--assemble", self.path, "--run", *self.present))]
        for missing in self.lacking:
            why = f"array {self.raid.name} lacks {missing}"
            steps.append(Step(why=why, command=("mdadm", "--manage", self.path, "--add", missing)))
        return steps


def plan_arrays(layout: Layout, inventory: Inventory, partitions: Mapping[str, PlannedPartition]) -> list[PlannedArray]:
    """What becomes of each array. Raises Refused where something to be kept would be lost."""
    planned = []
    for raid in layout.raids:
        members = tuple(partitions[name] for name in raid.members)
        found = next((one for one in inventory.arrays if one.name == raid.name), None)
        present = tuple(one.path for one in members if found and one.found and one.path in found.members)
        if layout.is_kept(raid.name):
            _refuse_loss(raid, found, members)
        if found and not _is_usable(raid, found, present, is_kept=layout.is_kept(raid.name)):
            found, present = None, ()
        planned.append(
            PlannedArray(raid=raid, members=members, size_bytes=_size(raid, members), found=found, present=present)
        )
    return planned


def _refuse_loss(raid: Raid, found: FoundArray | None, members: Sequence[PlannedPartition]) -> None:
    kept = [one.found for one in members if one.found and one.found.kept]
    if found is None:
        if others := [one.path for one in kept if one.content.type == "linux_raid_member"]:
            raise Refused(
                f"{', '.join(others)} for array {raid.name} holds what is to be kept, but in no array of that name. "
                "Give the array its name back, or take keep away if it may go."
            )
        return
    if found.content.type == UNSTARTED:
        raise Refused(
            f"Array {raid.name} of {', '.join(found.members)} can't be started with these members, and is to be kept. "
            "Put back the disks that it lacks, or take its keep away if it may go."
        )
    expected = raid.content or "LVM2_member"
    if found.content.type not in ("", expected) and kept:
        raise Refused(
            f"Array {raid.name} ({found.content}) of {', '.join(found.members)} is to be kept, but the layout has "
            f"{expected} there. Take its keep away if it may go."
        )


def _is_usable(raid: Raid, found: FoundArray, present: Sequence[str], *, is_kept: bool) -> bool:
    is_same = (found.level, found.devices) == (raid.level, len(raid.members)) and set(found.members) == set(present)
    if is_same and len(present) == found.devices:
        return True
    if is_kept and not (is_same and raid.level and present):
        raise Refused(
            f"Array {raid.name} of {', '.join(found.members)} holds what is to be kept, but the layout has it with "
            f"level {raid.level} of {', '.join(raid.members)}. Put the layout back, or take keep "
            "away."
        )
    return is_kept


def _size(raid: Raid, members: Sequence[PlannedPartition]) -> int:
    """About what it holds."""
    smallest = min(one.size_bytes for one in members)
    return smallest * len(members) // {0: 1, 1: len(members), 10: 2}[raid.level]
