"""What administrators say of switches and of the nodes that are plugged into them, read from the store."""

from luna_core.operations import Luna
from luna_core.operations.listing import node_rows
from luna_core.operations.switches import switches
from luna_core.types import Switch
from luna_discovery_switchport.plugin import MOST_MACS
from luna_discovery_switchport.snapshot import Cabling


def read_cabling(luna: Luna) -> tuple[list[Switch], Cabling]:
    """Every switch with its secrets, and the cabling without any."""
    found = luna.read(switches)
    rows = luna.look(node_rows)
    cabling = Cabling(
        nodes=tuple((row["name"], row["switch"], row["port"]) for row in rows if row["switch"] and row["port"]),
        uplinks={one.name: one.uplinks for one in found},
        port_numbers={one.name: one.port_numbers for one in found},
        switch_macs={mac: one.name for one in found for mac in one.macs},
        most_macs=int(str(luna.cluster_settings().get(MOST_MACS.name, MOST_MACS.default))),
    )
    return found, cabling
