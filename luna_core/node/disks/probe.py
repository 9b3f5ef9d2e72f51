"""What a device begins with, as it is now: not what udev or a cache remember."""

from collections.abc import Mapping
from typing import Final

from luna_core.node.disks.commands import DiskError, facts, run
from luna_core.node.disks.inventory import Content

# blkid(8): nothing was found; several things contradict each other.
_NOTHING: Final = 2
_SEVERAL: Final = 8


def probe(path: str) -> Mapping[str, str]:
    """What blkid(8) finds on a device; of a partition, also what its table says of it."""
    found = facts(["blkid", "-p", "-o", "export", path], accepted=(0, _NOTHING, _SEVERAL))
    try:
        return found or ({"TYPE": "several signatures"} if run(["wipefs", "--noheadings", path]).strip() else {})
    except DiskError:
        return {"TYPE": "what can't be read"}


def content(found: Mapping[str, str]) -> Content:
    """Of what `probe` found, what it begins with."""
    return Content(type=found.get("TYPE", ""), label=found.get("LABEL", ""), uuid=found.get("UUID", ""))
