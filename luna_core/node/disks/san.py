"""Disks that a node shares with others, or may: those it reaches through a network, or by several paths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SYSTEM: Final = Path("/sys/block")
# Of what lsblk(8) calls the ways to a SCSI disk.
_NETWORKS: Final = ("fc", "fcoe", "iscsi")
# Other identifiers than these are no promise that there is no other disk with it.
_WORLD_WIDE: Final = ("naa.", "eui.", "uuid.")


def is_networked(one: Mapping[str, Any]) -> bool:
    """Whether a disk, as lsblk shows it, is reached through a network: by SCSI or by NVMe."""
    # The second is a disk of several controllers, of which Linux itself makes one.
    ways = [way for place in ("device/transport", "device/nvme*/transport") for way in says(one["kname"], place)]
    return one.get("tran") in _NETWORKS or any(way != "pcie" for way in ways)


def on_several_paths(disks: Iterable[Mapping[str, Any]]) -> set[str]:
    """The kernel's names of those that are one disk under several names, or that multipathd(8) has taken."""
    disks = list(disks)
    names = {one["kname"]: (*_identifier(one["kname"]), one.get("serial")) for one in disks}
    times = Counter(names.values())
    taken = {one["kname"] for one in disks if any(child["type"] == "mpath" for child in one.get("children", ()))}
    return taken | {name for name, known in names.items() if len(known) > 1 and times[known] > 1}


def says(name: str, pattern: str) -> Iterator[str]:
    """What the kernel's files of a disk hold, without those that it can't read."""
    for path in (SYSTEM / name).glob(pattern):
        # As wwid and serial of a disk that has no such number: they are there, and give ENXIO.
        with suppress(OSError):
            yield path.read_text(errors="replace").strip()


def _identifier(name: str) -> list[str]:
    found = [text for place in ("wwid", "device/wwid") for text in says(name, place)]
    return [text for text in found if text.startswith(_WORLD_WIDE)]
