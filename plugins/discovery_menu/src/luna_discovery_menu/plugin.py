"""What somebody chose in a machine's boot menu: a node, or any free node of a group."""

from collections.abc import Iterable, Sequence

from luna_core.hookspecs import hookimpl
from luna_core.types import Machine, Sighting


@hookimpl
def luna_discover(macs: Sequence[str], machine: Machine) -> Iterable[Sighting]:
    """The choice, for the card that the machine boots from."""
    node = machine.chosen_node or None
    group = machine.chosen_group if not node else None
    return [Sighting(mac=macs[0], place="its boot menu", node=node, group=group)] if macs and (node or group) else []
