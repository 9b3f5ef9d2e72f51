"""`luna switch macs`, `ports` and `test`."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit
from luna_core.errors import LunaError, NotFound
from luna_discovery_switchport.cabling import read_cabling
from luna_discovery_switchport.places import Place, Places
from luna_discovery_switchport.snapshot import Folder, Port, Snapshot

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.types import Switch

MAC_COLUMNS = ("mac", "switch", "port", "vlan", "node", "age_s", "why")
PORT_COLUMNS = ("port", "if_index", "bridge_port", "alias", "nodes", "macs", "why")
now_option = click.option("--now", is_flag=True, help="Ask the switches now, instead of what the poller learned last.")


@click.command()
@click.argument("switch", required=False, shell_complete=completer("switch"))
@now_option
@output_option
@pass_luna
def macs(luna: "Luna", switch: str | None, now: bool, output: str) -> None:
    """Show each MAC that the switches learned, at which port, and the node that belongs there."""
    places = _places(luna, switch, now)
    rows = [row for name in places.boards if switch in (None, name) for row in _mac_rows(places, name)]
    emit(rows, MAC_COLUMNS, output, nothing="No switch has told of a MAC yet: luna serve asks them, and so does --now.")


@click.command()
@click.argument("switch", shell_complete=completer("switch"))
@now_option
@output_option
@pass_luna
def ports(luna: "Luna", switch: str, now: bool, output: str) -> None:
    """Show the ports of a switch, the nodes that belong there, and how many MACs are seen."""
    places = _places(luna, switch, now)
    emit(list(_port_rows(places, switch)), PORT_COLUMNS, output, nothing=f"Switch {switch} has not told of its ports.")


@click.command()
@click.argument("switch", shell_complete=completer("switch"))
@output_option
@pass_luna
def test(luna: "Luna", switch: str, output: str) -> int:
    """Ask a switch now, and say in words what it answers and which configured ports it doesn't have."""
    from luna_discovery_switchport.diagnosis import diagnose

    switches, cabling = read_cabling(luna)
    steps = diagnose(_named(switches, switch), cabling)
    emit([vars(one) for one in steps], ("status", "step", "found"), output, wrap=True)
    return int(any(one.status == "failed" for one in steps))


def _places(luna: "Luna", switch: str | None, now: bool) -> Places:
    switches, cabling = read_cabling(luna)
    if switch is not None:
        _named(switches, switch)
    folder = Folder(luna.settings.services_directory)
    snapshots = {one.name: found for one in switches if (found := folder.read(one.name))}
    if now:
        asked = [one for one in switches if switch in (None, one.name)]
        snapshots |= {one.switch: one for one in asyncio.run(_ask(asked))}
    for snapshot in snapshots.values():
        for line in (snapshot.error, *snapshot.problems) if switch in (None, snapshot.switch) else ():
            if line:
                click.echo(f"luna: {line}", err=True)
    return Places(snapshots, cabling)


async def _ask(switches: "Sequence[Switch]") -> list[Snapshot]:
    return await asyncio.gather(*map(_ask_one, switches))


async def _ask_one(switch: "Switch") -> Snapshot:
    from luna_discovery_switchport.agent import Agent
    from luna_discovery_switchport.poll import read_switch

    try:
        with closing(Agent(switch)) as agent:
            return await read_switch(agent)
    except LunaError as error:
        return Snapshot(switch=switch.name).failed(str(error))


def _named(switches: "Sequence[Switch]", name: str) -> "Switch":
    for one in switches:
        if one.name == name:
            return one
    raise NotFound("switch", name, [one.name for one in switches])


def _mac_rows(places: Places, switch: str) -> Iterator[Mapping[str, Any]]:
    now = time.time()
    for entry in places.boards[switch].snapshot.entries:
        place = places.place(switch, entry)
        yield {
            "mac": entry.mac,
            "switch": switch,
            "port": place.port.title if place.port else None,
            "if_index": entry.if_index,
            "bridge_port": entry.bridge_port,
            "vlan": entry.vlan,
            "node": place.node,
            "age_s": max(0, round(now - entry.last_seen)),
            "first_seen": round(entry.first_seen),
            "last_seen": round(entry.last_seen),
            "uplink": bool(place.uplink),
            "why": _why(place),
        }


def _why(place: Place) -> str:
    gone = "" if place.entry.present else "the switch has forgotten it since"
    return place.uplink or place.doubt or gone


def _port_rows(places: Places, switch: str) -> Iterator[Mapping[str, Any]]:
    board = places.boards.get(switch)
    for port in board.snapshot.ports if board else ():
        if board and port.bridge_ports:
            yield {
                "port": port.title,
                "if_index": port.if_index,
                "bridge_port": list(port.bridge_ports),
                "description": port.description,
                "alias": port.alias,
                "nodes": sorted(board.nodes.get(port.if_index, [])),
                "macs": len(board.snapshot.macs.get(port.if_index, ())),
                "uplink": bool(places.uplink(switch, port)),
                "why": _port_why(places, switch, port),
            }


def _port_why(places: Places, switch: str, port: Port) -> str:
    board = places.boards[switch]
    return places.uplink(switch, port) or places.doubt(board, board.nodes.get(port.if_index, []))
