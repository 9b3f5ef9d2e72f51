"""The serial number and asset tag that a machine's firmware tells (SMBIOS, DMTF DSP0134, types 1 and 3)."""

from collections.abc import Iterable, Sequence

from luna_core.hookspecs import hookimpl
from luna_core.interfaces import NodeNames
from luna_core.types import Machine, Sighting

# What vendors leave in the tables of boards that they never gave a number.
NO_NUMBERS = frozenset(
    (
        *("", "0", "none", "n/a", "empty", "unknown", "invalid", "default", "default string", "not available"),
        *("not specified", "not applicable", "no asset tag", "no asset information", "asset tag", "serial number"),
        *("to be filled by o.e.m.", "system serial number", "chassis serial number", "chassis asset tag"),
        *("0123456789", "123456789", "1234567890", "0000000000", "00000000", "xxxxxxxx"),
    )
)


@hookimpl
def luna_discover(macs: Sequence[str], machine: Machine, nodes: NodeNames) -> Iterable[Sighting]:
    """The nodes that have this serial number and this asset tag, for the card that the machine boots from."""
    if not macs:
        return []
    serial, asset_tag = machine.serial.strip(), machine.asset_tag.strip()
    found = (
        (f"serial number {serial}", nodes.with_serial(serial) if is_number(serial) else None),
        (f"asset tag {asset_tag}", nodes.with_asset_tag(asset_tag) if is_number(asset_tag) else None),
    )
    return [Sighting(mac=macs[0], place=place, node=node, confidence=0.9) for place, node in found if node]


def is_number(text: str) -> bool:
    """Whether it can tell one machine from another, unlike what vendors write in place of a number."""
    return text.lower() not in NO_NUMBERS
