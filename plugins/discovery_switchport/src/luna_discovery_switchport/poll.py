"""Asks one switch for everything that tells where MACs are, and makes a snapshot of the answers."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from luna_discovery_switchport import tables
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.forwarding import read_forwarding
from luna_discovery_switchport.names import PortNames
from luna_discovery_switchport.reading import Reading, if_index_of_port
from luna_discovery_switchport.snapshot import Entry, Port, Snapshot

# Names, statuses and interfaces hardly change, and are most of what there is to read.
EVERYTHING_EVERY_S = 600.0
# What a switch has forgotten may be asked for by a machine that sat in its firmware meanwhile.
KEPT_S = 3600.0


async def read_switch(agent: Agent, before: Snapshot | None = None, now: float | None = None) -> Snapshot:
    """Ask the switch; what hardly changes is taken from `before` while that is fresh. Raises SnmpError.

    What was seen before and is no longer is kept for a while, with the time when it was last seen. Times that lie far
    ahead are of a clock that was wrong, and as old.
    """
    at = time.time() if now is None else now
    before = before or Snapshot(switch=agent.switch.name)
    reading = Reading(agent=agent, before=before, everything=abs(at - before.named_at) >= EVERYTHING_EVERY_S)
    base, root_port = await agent.get(tables.BASE_ADDRESS, tables.STP_ROOT_PORT)
    reading.if_indexes = if_index_of_port(await reading.column(tables.BASE_PORT_IF_INDEX))
    await read_forwarding(reading)
    ports = await _interfaces(reading) if reading.everything else {one.if_index: one for one in before.ports}
    if not reading.everything:
        reading.own_macs |= before.own_macs
    if isinstance(base, bytes) and (own := tables.mac_of(base)):
        reading.own_macs.add(own)
    ports = _with_bridge_ports(ports, reading.if_indexes)
    leads = await _neighbours(reading, ports, root_port if isinstance(root_port, int) else 0)
    return replace(
        before,
        polled_at=at,
        named_at=at if reading.everything else before.named_at,
        error="",
        failures=0,
        problems=tuple(reading.problems),
        tables=tuple(reading.answered) if reading.everything else before.tables or tuple(reading.answered),
        own_macs=frozenset(reading.own_macs),
        ports=tuple(replace(one, leads_to=leads.get(index, "")) for index, one in sorted(ports.items())),
        entries=tuple(_aged(reading, at)),
    )


async def _interfaces(reading: Reading) -> dict[int, Port]:
    """Every interface with its names; the switch's own MACs are noted on the way."""
    addresses = await reading.column(tables.IF_ADDRESS)
    macs = (tables.mac_of(value) for value in addresses.values() if isinstance(value, bytes))
    reading.own_macs |= {mac for mac in macs if mac}
    names = tables.texts(await reading.column(tables.IF_NAME))
    descriptions = tables.texts(await reading.column(tables.IF_DESCRIPTION))
    aliases = tables.texts(await reading.column(tables.IF_ALIAS))
    types = tables.numbers(await reading.column(tables.IF_TYPE))
    return {
        index: Port(
            if_index=index,
            name=names.get(index, ""),
            alias=aliases.get(index, ""),
            description=descriptions.get(index, ""),
            type=types.get(index, 0),
        )
        for index in sorted({*names, *descriptions, *types, *reading.if_indexes.values()})
    }


def _with_bridge_ports(ports: Mapping[int, Port], if_indexes: Mapping[int, int]) -> dict[int, Port]:
    bridge_ports: dict[int, list[int]] = {}
    for port, index in sorted(if_indexes.items()):
        bridge_ports.setdefault(index, []).append(port)
    return {
        index: replace(ports.get(index, Port(if_index=index)), bridge_ports=tuple(bridge_ports.get(index, ())))
        for index in {*ports, *bridge_ports}
    }


async def _neighbours(reading: Reading, ports: Mapping[int, Port], root_port: int) -> dict[int, str]:
    """Why ports lead to no single machine, by ifIndex, as far as the switch itself says."""
    leads: dict[int, str] = {}
    for index in tables.cdp_bridges(await reading.column(tables.CDP_CAPABILITIES)):
        leads[index] = "a switch is behind it (CDP)"
    if bridges := tables.lldp_bridges(await reading.column(tables.LLDP_CAPABILITIES)):
        names = tables.texts(await reading.column(tables.LLDP_LOCAL_PORT))
        known = PortNames(ports.values())
        for number in bridges:
            leads |= dict.fromkeys(_of_lldp(number, names, known), "a bridge is behind it (LLDP)")
    if root := reading.if_indexes.get(root_port):
        leads[root] = "it leads to the root of the spanning tree"
    for port, lag in tables.numbers(await reading.column(tables.LAG_OF_PORT)).items():
        # A port that bundles with no other is its own aggregator (IEEE 802.1AX, 6.3.6).
        if lag not in (0, port):
            leads |= dict.fromkeys((port, lag), "it is a link aggregation or part of one")
    for index, one in ports.items():
        if one.type == tables.LAG_TYPE:
            leads[index] = "it is a link aggregation"
        elif one.type and one.type not in tables.ETHERNET:
            leads.setdefault(index, f"it is no Ethernet port (ifType {one.type})")
    return leads


def _of_lldp(number: int, names: Mapping[int, str], ports: PortNames) -> Iterator[int]:
    """The ifIndexes of a local port of LLDP, whose number may be either number of a port: its name goes before."""
    found = ports.find(names.get(number) or str(number)).ports or ports.find(str(number)).ports
    yield from (one.if_index for one in found)


def _aged(reading: Reading, now: float) -> Iterator[Entry]:
    """What was learned now with the time when it first was, then what was learned before and isn't any more."""
    earlier = {(one.mac, one.vlan, one.bridge_port): one for one in reading.before.entries}
    seen = set()
    for one in sorted(reading.learned(), key=lambda entry: (entry.bridge_port, entry.mac, entry.vlan or 0)):
        seen.add(one.mac)
        known = earlier.get((one.mac, one.vlan, one.bridge_port))
        yield replace(one, first_seen=known.first_seen if known else now, last_seen=now)
    for old in reading.before.entries:
        if old.mac not in seen and old.mac not in reading.own_macs and abs(now - old.last_seen) < KEPT_S:
            yield replace(old, present=False)
