"""`luna switch` and `luna otherdev`: what has addresses and isn't booted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.objects import Kind, object_group
from luna_core.cli.parse import ADDRESS

if TYPE_CHECKING:
    from luna_core.operations import Work

address_option = click.option(
    "--address",
    multiple=True,
    type=ADDRESS,
    help="Address, in whichever network has it; all that there are to be. Repeatable.",
)
mac_option = click.option(
    "--mac", multiple=True, metavar="MAC", help="MAC to which DHCP gives the address, in the order of --address."
)
ports_option = click.option(
    "--ports",
    multiple=True,
    metavar="HOSTLIST=PORTS",
    help="Nodes and the ports that they are plugged into, as in node[001-048]=1-48 or node[1-8]=ge-0/0/[0-7].",
)


def _map_ports(work: "Work", name: str, params: Mapping[str, Any]) -> None:
    from luna_core.operations.places import map_ports

    map_ports(work, name, params["ports"])


def _addresses(work: "Work", name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    from luna_core.operations.devices import device_addresses

    if not params["address"] and not params.get("mac"):
        return {}
    return {"addresses": device_addresses(work, name, params["address"], params.get("mac", ()))}


def _brief(row: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = row["addresses"]
    return {
        **row,
        "addresses": [one["address"] for one in parts],
        "networks": [one["network"] for one in parts if one["network"]],
        "macs": [one["mac"] for one in parts if one["mac"]],
    }


switch = object_group(
    Kind(
        name="switch",
        columns=("name", "addresses", "networks", "snmp_version", "uplinks", "rack", "comment"),
        extra=(address_option, ports_option),
        special=_addresses,
        then=_map_ports,
        brief=_brief,
    ),
    "Ethernet switches that tell where nodes are.",
)
otherdev = object_group(
    Kind(
        name="otherdev",
        columns=("name", "addresses", "networks", "macs", "comment"),
        extra=(address_option, mac_option),
        special=_addresses,
        brief=_brief,
    ),
    "Devices that only need a name and addresses.",
)
