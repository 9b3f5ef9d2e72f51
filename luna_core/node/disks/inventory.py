"""What is on a node's disks, as luna saw it: small enough to be reported, and all that a plan needs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar

from luna_core.node.disks.layout import PREFIX
from luna_core.node.disks.sizes import shown

MOST_CHARACTERS: Final = 7500
"""A report of a node holds 8000."""
UNSTARTED: Final = "what can't be started"
"""What is said to be in an array that lacks too many of its members."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a device begins with: the type as blkid(8) has it, such as ext4, linux_raid_member or LVM2_member."""

    type: str = ""
    label: str = ""
    uuid: str = ""

    def __str__(self) -> str:
        return f"{self.type} {self.label!r}" if self.label else self.type


@dataclass(frozen=True, kw_only=True)
class FoundPartition:
    """A partition that is there. `kept` says that luna made it for something to be kept.

    An `unfinished` one was to be so, and the installation that made it ended too early: its contents are nothing.
    """

    path: str
    name: str = ""
    type: str = ""
    start_bytes: int
    size_bytes: int
    kept: bool = False
    unfinished: bool = False
    content: Content = Content()

    @property
    def own_name(self) -> str:
        """Its name in the layout, if luna made it."""
        return self.name.removeprefix(PREFIX) if self.name.startswith(PREFIX) else ""

    def __str__(self) -> str:
        words = [self.path, f"({self.content})" if self.content.type else "", f"named {self.name}" * bool(self.name)]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, kw_only=True)
class FoundDisk:
    """A disk that is there. `links` are the paths of the layout that lead to it, `stacked` what is active on it.

    `explicit` disks, such as removable ones and those of a SAN, are only for those who name them; a `multipath` one is
    reached by several paths.
    """

    path: str
    size_bytes: int
    serial: str = ""
    model: str = ""
    explicit: bool = False
    multipath: bool = False
    links: tuple[str, ...] = ()
    table: str = ""
    table_id: str = ""
    content: Content = Content()
    partitions: tuple[FoundPartition, ...] = ()
    stacked: tuple[tuple[str, str], ...] = ()
    mounted: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether nothing is on it."""
        return not self.content.type and not self.partitions

    def __str__(self) -> str:
        paths = "reached by several paths" * self.multipath
        facts = [f"serial {self.serial}" * bool(self.serial), self.model, shown(self.size_bytes), paths]
        return f"{self.path} ({', '.join(one for one in facts if one)})"


@dataclass(frozen=True, kw_only=True)
class FoundArray:
    """An array on luna's own partitions; members are their paths."""

    path: str
    uuid: str
    name: str
    level: int = 0
    devices: int
    members: tuple[str, ...]
    content: Content = Content()


@dataclass(frozen=True, kw_only=True)
class FoundVolume:
    """A logical volume; `kept` and `unfinished` are as with partitions."""

    name: str
    size_bytes: int
    kept: bool = False
    unfinished: bool = False
    content: Content = Content()


@dataclass(frozen=True, kw_only=True)
class FoundGroup:
    """A volume group on luna's own partitions and arrays; members are their paths."""

    name: str
    extent_bytes: int
    size_bytes: int
    members: tuple[str, ...]
    volumes: tuple[FoundVolume, ...] = ()

    def path(self, volume: FoundVolume) -> str:
        """Where one of its volumes is."""
        return f"/dev/{self.name}/{volume.name}"


T = TypeVar("T", FoundPartition, FoundArray, FoundVolume)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All disks, and what of luna's own is stacked on them."""

    disks: tuple[FoundDisk, ...] = ()
    arrays: tuple[FoundArray, ...] = ()
    groups: tuple[FoundGroup, ...] = ()

    def at_rest(self) -> "Inventory":
        """The same, with nothing mounted and nothing started."""
        return replace(self, disks=tuple(replace(one, mounted=(), stacked=()) for one in self.disks))

    def opened(self, inside: Mapping[str, Content]) -> "Inventory":
        """The same, with what is in containers in their place; `inside` has it by the paths of their devices."""
        disks = [
            replace(one, partitions=tuple(_opened(part, part.path, inside) for part in one.partitions))
            for one in self.disks
        ]
        groups = [
            replace(one, volumes=tuple(_opened(volume, one.path(volume), inside) for volume in one.volumes))
            for one in self.groups
        ]
        arrays = [_opened(one, one.path, inside) for one in self.arrays]
        return Inventory(disks=tuple(disks), arrays=tuple(arrays), groups=tuple(groups))

    def dump(self) -> str:
        """As JSON of bounded length: disks that would not fit are left out, the last ones first."""
        document = _small(asdict(self))
        while len(text := json.dumps(document, separators=(",", ":"))) > MOST_CHARACTERS and document.get("disks"):
            document["disks"].pop()
        return text


def read_inventory(text: str) -> Inventory:
    """What `dump` gave. Raises ValueError, KeyError or TypeError for anything else."""
    document = json.loads(text)
    return Inventory(
        disks=tuple(_disk(one) for one in document.get("disks", ())),
        arrays=tuple(FoundArray(**_with_content(one)) for one in document.get("arrays", ())),
        groups=tuple(_group(one) for one in document.get("groups", ())),
    )


def _opened(one: T, path: str, inside: Mapping[str, Content]) -> T:
    return replace(one, content=inside.get(path, one.content))


def _small(value: Any) -> Any:
    """Without what has its default."""
    if isinstance(value, Mapping):
        small = {key: _small(one) for key, one in value.items()}
        return {key: one for key, one in small.items() if one not in ("", False, [], {})}
    return [_small(one) for one in value] if isinstance(value, list | tuple) else value


def _with_content(one: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: tuple(value) if isinstance(value, list) else value for key, value in one.items()}
    return {**made, "content": Content(**one.get("content", {}))}


def _disk(one: Mapping[str, Any]) -> FoundDisk:
    partitions = tuple(FoundPartition(**_with_content(part)) for part in one.get("partitions", ()))
    stacked = tuple((kind, path) for kind, path in one.get("stacked", ()))
    return FoundDisk(**{**_with_content(one), "partitions": partitions, "stacked": stacked})


def _group(one: Mapping[str, Any]) -> FoundGroup:
    volumes = tuple(FoundVolume(**_with_content(volume)) for volume in one.get("volumes", ()))
    return FoundGroup(**{**one, "members": tuple(one["members"]), "volumes": volumes})
