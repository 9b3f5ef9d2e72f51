"""Addresses of switches and other devices."""

from collections.abc import Sequence
from typing import Any

from luna_core.errors import BadInput
from luna_core.model import Network
from luna_core.operations.work import Work
from luna_core.types import IPAddress


def device_addresses(
    work: Work, name: str, addresses: Sequence[IPAddress], macs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The outward form of a device's addresses, each in the network that contains it; `macs` are theirs in order."""
    if len(macs) > len(addresses):
        raise BadInput(
            f"{name}: {len(macs)} MACs were given for {len(addresses)} addresses; accepted is one each at most."
        )
    made: list[dict[str, Any]] = []
    for index, address in enumerate(addresses):
        network = next((one for one in work.all(Network) if one.subnet_of(address)), None)
        one: dict[str, Any] = {"address": str(address)}
        if network:
            one["network"] = network.name
        if index < len(macs):
            one["mac"] = macs[index]
        made.append(one)
    return made
