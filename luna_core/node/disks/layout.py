"""A layout as a node gets it: `luna_core.model.disks`, which a node doesn't carry, in plain records."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

PREFIX: Final = "luna-"
"""What the names of luna's partitions, and the labels of its LUKS containers, begin with."""
LUKS: Final = "crypto_LUKS"
"""What blkid(8) calls an encrypted container."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What is made on a partition, an array or a volume; nothing without a `format`."""

    name: str
    format: str = ""
    label: str = ""
    mount: str = ""
    mount_options: str = ""
    keep: bool = False
    encrypt: str = ""

    @property
    def content(self) -> str:
        """What luna calls it once it is there: its format, which blkid(8) has too, and whether it is encrypted."""
        return encrypted(self.format) if self.encrypt else self.format


@dataclass(frozen=True, kw_only=True)
class Partition(Use):
    """A partition of a GPT; `size` is that of `sizes`, or rest."""

    type: str = ""
    size: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """What a disk must be like."""

    path: str = ""
    serial: str = ""
    model: str = ""
    size: str = ""

    def __str__(self) -> str:
        given = [f"{name} {value}" for name, value in vars(self).items() if value]
        return ", ".join(given) or "any disk"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """One disk by what it is like."""

    name: str
    match: Match
    first: bool = False
    wipe: bool = False
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, kw_only=True)
class Raid(Use):
    """A software RAID (md) of partitions."""

    level: int
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Volume(Use):
    """A logical volume (LVM)."""

    size: str


@dataclass(frozen=True, kw_only=True)
class VolumeGroup:
    """A volume group (LVM) of partitions and arrays."""

    name: str
    members: tuple[str, ...]
    volumes: tuple[Volume, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The disks of the node with this id."""

    node_id: str
    disks: tuple[Disk, ...]
    raids: tuple[Raid, ...] = ()
    volume_groups: tuple[VolumeGroup, ...] = ()

    def partitions(self) -> Iterator[Partition]:
        """Those of all disks."""
        for disk in self.disks:
            yield from disk.partitions

    def is_encrypted(self) -> bool:
        """Whether the node's key is needed."""
        volumes = (one for group in self.volume_groups for one in group.volumes)
        return any(one.encrypt for one in (*self.partitions(), *self.raids, *volumes))

    def is_kept(self, name: str) -> bool:
        """Whether something on this partition or array is to be kept, however far above."""
        if any(one.keep for one in (*self.partitions(), *self.raids) if one.name == name):
            return True
        if any(self.is_kept(raid.name) for raid in self.raids if name in raid.members):
            return True
        return any(one.keep for group in self.volume_groups if name in group.members for one in group.volumes)

    def table_id(self, disk: str) -> str:
        """The GUID of the partition table that luna gives this disk of this node."""
        return str(UUID(self._own() + _digest(disk)[:8], version=4))

    def is_own(self, table_id: str) -> bool:
        """Whether a GUID is one that luna gave a disk of this node."""
        return table_id.lower()[:23] == self.table_id("")[:23]

    def _own(self) -> str:
        return _digest(self.node_id)[:24]


def encrypted(content: str) -> str:
    """What luna calls something that is in a container which it can open."""
    return f"encrypted {content}"


def read_layout(node_id: str, document: Mapping[str, Any]) -> Layout:
    """The layout of a node from the JSON form of the model."""
    disks = [
        Disk(
            name=name,
            match=Match(**one.get("match", {})),
            first=one.get("first", False),
            wipe=one.get("wipe", False),
            partitions=tuple(Partition(**part) for part in one["partitions"]),
        )
        for name, one in document["disks"].items()
    ]
    raids = [
        Raid(**{**one, "name": name, "members": tuple(one["members"])})
        for name, one in document.get("raids", {}).items()
    ]
    groups = [
        VolumeGroup(
            name=name, members=tuple(one["members"]), volumes=tuple(Volume(**volume) for volume in one["volumes"])
        )
        for name, one in document.get("volume_groups", {}).items()
    ]
    return Layout(node_id=node_id, disks=tuple(disks), raids=tuple(raids), volume_groups=tuple(groups))


def _digest(text: str) -> str:
    return hashlib.sha256(f"luna disk {text}".encode()).hexdigest()
