"""What is in the containers on disks that luna made; those of others are never opened."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from luna_core.node.disks import commands
from luna_core.node.disks.choose import choose
from luna_core.node.disks.encryption import Container, containers
from luna_core.node.disks.inventory import Content, Inventory
from luna_core.node.disks.layout import LUKS, Layout, encrypted
from luna_core.node.disks.probe import content, probe
from luna_core.node.disks.steps import MAPPED

# cryptsetup(8): it is broken, or the key is another's.
_UNOPENED: Final = (1, 2)


def look(layout: Layout, inventory: Inventory, key: str) -> Mapping[str, Content]:
    """Open the layout's containers, read-only, and describe what is in them, by the path of the device.

    Those that the key doesn't open are left out. Raises DiskError where cryptsetup is missing or fails.
    """
    places = containers(layout, inventory, choose(layout, inventory))
    return {one.path: _inside(one) for one in places if one.content.type == LUKS and _opens(one, key)}


def _opens(one: Container, key: str) -> bool:
    place = MAPPED + one.mapper
    if not os.path.exists(place):
        command = ["cryptsetup", "open", "--readonly", "--key-file=-", one.path, one.mapper]
        commands.run(command, key, accepted=(0, *_UNOPENED))
        commands.settle()
    return os.path.exists(place)


def _inside(one: Container) -> Content:
    found = content(probe(MAPPED + one.mapper))
    return replace(found, type=encrypted(found.type)) if found.type else found
