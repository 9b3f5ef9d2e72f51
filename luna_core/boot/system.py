"""What makes the system that a node unpacks its own: its identity, its network, and a boot loader on its disk."""

from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from luna_core.boot.facts import BootFacts
from luna_core.boot.scripts import identity_files
from luna_core.drivers import load
from luna_core.errors import Unsupported
from luna_core.interfaces import Distro
from luna_core.settings import MachineSettings
from luna_core.types import NodeFile

# The first nodes of a burst would all look at once.
_LOADING = Lock()


class OwnSystem(NamedTuple):
    """Files of the new root, and a script that runs in it; an empty one where the node has no disk."""

    files: list[NodeFile]
    boot_loader: str


def own_system(facts: BootFacts, settings: MachineSettings) -> OwnSystem:
    """Ask the image's distribution. An image without a boot loader is no error: its node boots from the network."""
    with _LOADING:
        distro = _distro(facts.image.distro, settings)
    files = [*identity_files(facts), *distro.network_files(facts.node, facts.image.path)]
    try:
        on_disk = facts.profile["root"] == "disk"
        return OwnSystem(files, distro.boot_loader_script(facts.node, facts.image.path) if on_disk else "")
    except Unsupported:
        return OwnSystem(files, "")


@lru_cache(maxsize=16)
def _distro(name: str, settings: MachineSettings) -> Distro:
    """Found once: looking through all that is installed takes ten times as long as the rest of an install script."""
    return load("luna.distro", name, settings)
