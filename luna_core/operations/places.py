"""Which node is plugged into which port of a switch."""

from collections.abc import Iterable

from luna_core.errors import BadInput
from luna_core.hostlist import expand_ports
from luna_core.model import Node, Switch
from luna_core.operations.nodes import select
from luna_core.operations.objects import change
from luna_core.operations.work import Work


def map_ports(work: Work, switch: str, mappings: Iterable[str]) -> None:
    """Give nodes their ports of a switch; each mapping is as in node[001-048]=1-48, one port for each node in order.

    Raises NotFound, and BadInput for another form or if there are more of one than of the other.
    """
    for mapping in mappings:
        hostlist, equals, ports = mapping.partition("=")
        if not (hostlist and equals and ports):
            raise BadInput(
                f"switch {switch}: ports: {mapping!r} was given; accepted is HOSTLIST=PORTS as in node[001-048]=1-48."
            )
        nodes, numbers = select(work, hostlist), expand_ports(ports)
        if len(nodes) != len(numbers):
            raise BadInput(
                f"switch {switch}: ports: {mapping!r} was given, {len(numbers)} ports for {len(nodes)} nodes; accepted "
                "is one for each."
            )
        for node, port in zip(nodes, numbers, strict=True):
            change(work, Node, node.name, {"switch": switch, "port": port})


def move(work: Work, name: str, switch: str, port: str) -> Node:
    """Say that a node is at another port now; one that was said to be there is nowhere. Raises NotFound, BadInput."""
    node = work.get(Node, name)
    space = f"port:{work.get(Switch, switch).id}"
    for owner in work.owners(space, port.lower(), port.lower()):
        if owner.id != node.id:
            change(work, Node, work.name_of(Node, owner.id), {"switch": None, "port": None})
    return change(work, Node, name, {"switch": switch, "port": port})
