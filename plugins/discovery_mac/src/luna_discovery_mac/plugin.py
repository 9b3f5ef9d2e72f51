"""Known MACs: the ordinary way in which a machine that has booted before gets its name again."""

from collections.abc import Iterable, Sequence

from luna_core.hookspecs import hookimpl
from luna_core.interfaces import NodeNames
from luna_core.types import Sighting


@hookimpl
def luna_discover(macs: Sequence[str], nodes: NodeNames) -> Iterable[Sighting]:
    """The nodes to which the store says that the cards belong."""
    owners = ((mac, nodes.with_mac(mac)) for mac in macs)
    return [Sighting(mac=mac, place=f"card {mac}", node=node) for mac, node in owners if node]
