"""Sends a node to its own disk once its installation there was good, where that is asked for."""

from luna_core.model import Node
from luna_core.model.boot import BootSession
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work

BOOT_LOADER_PHASE = "bootloader"


def is_asked_for(work: Work, session: BootSession) -> bool:
    """Whether this boot installed to disk, with a boot loader, and the node is to boot from there from now on."""
    node = work.by_id(Node, session.node)
    lineage = Lineages(work).of(node.group)
    wanted = {"local_boot_after_install": True, "root": "disk"}
    if lineage.say("local_boot", node).value or any(lineage.say(name, node).value != wanted[name] for name in wanted):
        return False
    return any((one.phase, one.status) == (BOOT_LOADER_PHASE, "done") for one in session.events)


def set_local_boot(work: Work, session: BootSession) -> None:
    """Have the node boot from its own disk."""
    work.put(work.by_id(Node, session.node).changed(local_boot=True))
