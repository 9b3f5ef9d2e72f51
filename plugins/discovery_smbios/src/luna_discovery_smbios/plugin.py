"""The serial number and asset tag that a machine's firmware tells (SMBIOS, DMTF DSP0134, types 1 and 3)."""

from collections.abc import Iterable, Sequence

from luna_core.hookspecs import hookimpl
from luna_core.interfaces import NodeNames
from luna_core.types import Machine, Sighting


@hookimpl
def luna_discover(macs: Sequence[str], machine: Machine, nodes: NodeNames) -> Iterable[Sighting]:
    """The nodes that have this serial number and this asset tag, for the card that the machine boots from.

    No node has what vendors write in place of a number: luna refuses such values where they would be stored.
    """
    if not macs:
        return []
    serial, asset_tag = machine.serial.strip(), machine.asset_tag.strip()
    found = (
        (f"serial number {serial}", nodes.with_serial(serial) if serial else None),
        (f"asset tag {asset_tag}", nodes.with_asset_tag(asset_tag) if asset_tag else None),
    )
    return [Sighting(mac=macs[0], place=place, node=node, confidence=0.9) for place, node in found if node]
