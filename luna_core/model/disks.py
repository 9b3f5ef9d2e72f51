"""How the disks of nodes are laid out: partitions, arrays, volumes and the file systems on them."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from luna_core.model.base import Part
from luna_core.model.disk_rules import Labelled, first_problem
from luna_core.model.fields import TEXT_OF_NUMBER, Text, matching

_SIZE = matching(re.compile(r"[1-9][0-9]*[MGT]|rest"), "a size as in 256M, 2G or 1T, or rest")
_CONDITION = r"(>=|<=|>|<)[1-9][0-9]*[MGT]"
_SIZES = matching(re.compile(rf"{_CONDITION}( {_CONDITION})*"), "conditions as in '>=400G' or '>=400G <2T'")
_PLACE = r"/|(/(?!\.{1,2}(/|$))[A-Za-z0-9._+-]+)+"

PartName = Annotated[
    str, matching(re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,29}"), "up to 30 letters, digits, '_' and '-', a letter first")
]
Size = Annotated[str, _SIZE]
MountPlace = Annotated[str, matching(re.compile(_PLACE), "an absolute path as in / or /scratch")]
MountOptions = Annotated[
    str, matching(re.compile(r"[A-Za-z0-9_.,=:+/-]+"), "options without spaces as in noatime,nodev")
]
DiskPath = Annotated[str, matching(re.compile(r"/dev/[A-Za-z0-9._:+/-]+"), "a path below /dev")]
Label = Annotated[str, matching(re.compile(r"[A-Za-z0-9._-]+"), "letters, digits, '.', '_' and '-'"), TEXT_OF_NUMBER]


class DiskMatch(Part):
    """What a disk must be like; all that is given must hold."""

    path: DiskPath | None = None
    serial: Text | None = None
    model: Text | None = None
    size: Annotated[str, _SIZES] | None = None


class FileSystemUse(Part):
    """What is made on a partition, an array or a volume. With `keep` it is left alone once it is there.

    With `encrypt` it lies in a LUKS container that luna opens with the node's key; with tpm the node's TPM does too.
    """

    format: Literal["ext4", "xfs", "btrfs", "vfat", "swap"] | None = None
    label: Label | None = None
    mount: MountPlace | None = None
    mount_options: MountOptions | None = None
    keep: bool = False
    encrypt: Literal["key", "tpm"] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        given = Labelled(self.format, self.label, self.mount, self.mount_options, self.keep, self.encrypt)
        if problem := given.problem():
            raise ValueError(problem)
        return self


class Partition(FileSystemUse):
    """A partition of a GPT. `bios` is where GRUB lives on machines with a BIOS, `efi` the EFI system partition."""

    name: PartName
    type: Literal["bios", "efi"] | None = None
    size: Size


class Disk(Part):
    """One disk of a node, by what it is like; with `first` the first of several by their names."""

    match: DiskMatch = DiskMatch()
    first: bool = False
    wipe: bool = False
    partitions: tuple[Partition, ...]


class Raid(FileSystemUse):
    """A software RAID (md) of partitions."""

    level: Literal[0, 1, 10]
    members: tuple[PartName, ...]


class Volume(FileSystemUse):
    """A logical volume (LVM)."""

    name: PartName
    size: Size


class VolumeGroup(Part):
    """A volume group (LVM) on partitions and arrays."""

    members: tuple[PartName, ...]
    volumes: tuple[Volume, ...]


class DiskLayout(Part):
    """The disks of a node, and what is made of their partitions."""

    disks: dict[PartName, Disk]
    raids: dict[PartName, Raid] = Field({})
    volume_groups: dict[PartName, VolumeGroup] = Field({})

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if problem := first_problem(self):
            raise ValueError(problem)
        return self

    def uses(self) -> list[tuple[str, FileSystemUse]]:
        """Everything that may hold a file system, with the field that says so."""
        found: list[tuple[str, FileSystemUse]] = []
        for name, disk in self.disks.items():
            found += [(f"disks.{name}.partitions.{one.name}", one) for one in disk.partitions]
        found += [(f"raids.{name}", raid) for name, raid in self.raids.items()]
        for name, group in self.volume_groups.items():
            found += [(f"volume_groups.{name}.volumes.{one.name}", one) for one in group.volumes]
        return found

    def document(self) -> dict[str, Any]:
        """Its JSON form, which `luna_core.node.disks` reads, without what has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def is_encrypted(self) -> bool:
        """Whether anything of it is."""
        return any(use.encrypt for _, use in self.uses())

    def opened_by_key(self) -> list[str]:
        """The fields of what nothing but the node's key opens, which a node gets only while luna installs it."""
        return [field for field, use in self.uses() if use.encrypt == "key"]

    def mounts_root(self) -> bool:
        """Whether the root file system is one of its own."""
        return any(use.mount == "/" for _, use in self.uses())
