"""An administrator says which node a machine is."""

from luna_core.boot import waiting
from luna_core.boot.identify import BOOT_INTERFACE
from luna_core.errors import BadInput, NotFound
from luna_core.model import Node
from luna_core.model.fields import normal_mac
from luna_core.operations.interfaces import set_mac
from luna_core.operations.nodes import add_next
from luna_core.operations.objects import add
from luna_core.operations.work import Work


def adopt(
    work: Work, machine: str, name: str | None = None, *, group: str | None = None, replace: bool = False
) -> Node:
    """Give a machine the name of a node, or of a new one in `group` (with the next automatic name if none is given).

    `machine` is a MAC of one that waits, or of one that is a node. With `replace` the node gives up the card that it
    has, and whoever has one of the machine's gives it up. Raises NotFound, BadInput, AlreadyExists.
    """
    macs = _macs_of(work, machine)
    node = _node(work, name, group)
    interface = node.interfaces.get(BOOT_INTERFACE)
    if interface and interface.mac and interface.mac not in macs and not replace:
        raise BadInput(f"node {node.name}: it has the MAC {interface.mac}; accepted is --replace, which takes it away.")
    for mac in macs:
        _take(work, mac, node, replace)
    waiting.forget(work, macs)
    return set_mac(work, node.name, BOOT_INTERFACE, macs[0], move=True)


def _macs_of(work: Work, machine: str) -> tuple[str, ...]:
    try:
        return waiting.find(work, machine).macs
    except NotFound:
        try:
            mac = normal_mac(machine)
        except ValueError as error:
            raise BadInput(f"machine: {machine!r} was given; {error}.") from None
        if not work.owners("mac", mac, mac):
            raise
        return (mac,)


def _node(work: Work, name: str | None, group: str | None) -> Node:
    if name and group:
        return add(work, Node, name, {"group": group})
    if name:
        return work.get(Node, name)
    if group:
        return add_next(work, group)
    raise BadInput("node adopt: accepted is the name of a node, or --group to make a new one.")


def _take(work: Work, mac: str, node: Node, replace: bool) -> None:
    for owner in work.owners("mac", mac, mac):
        if owner.id == node.id or owner.kind != Node.kind:
            continue
        other = work.by_id(Node, owner.id)
        if not replace:
            raise BadInput(
                f"node {node.name}: the machine's card {mac} belongs to node {other.name}; accepted is --replace, "
                "which takes it away."
            )
        for interface, spec in other.interfaces.items():
            if spec.mac == mac:
                set_mac(work, other.name, interface, None)
