"""Reads the forwarding tables: Q-BRIDGE-MIB, BRIDGE-MIB, and on Cisco switches BRIDGE-MIB for each VLAN by itself."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from luna_discovery_switchport import tables
from luna_discovery_switchport.failures import SnmpError
from luna_discovery_switchport.reading import Reading, if_index_of_port

BRIDGE, Q_BRIDGE, PER_VLAN = "BRIDGE-MIB", "Q-BRIDGE-MIB", "BRIDGE-MIB of each VLAN"
_VLANS_AT_ONCE = 4


async def read_forwarding(reading: Reading) -> None:
    """Read each table that had something the last time, or all of them. Raises SnmpError."""
    known = reading.before.tables or (Q_BRIDGE, BRIDGE)
    wanted = (Q_BRIDGE, BRIDGE, PER_VLAN) if reading.everything else known
    if Q_BRIDGE in wanted:
        await _q_bridge(reading)
    if BRIDGE in wanted:
        reading.add(BRIDGE, tables.learned(await reading.column(tables.FDB_PORT)), {})
        await _statuses(reading, BRIDGE, tables.FDB_STATUS)
    if PER_VLAN in wanted:
        await _each_vlan(reading)


async def _q_bridge(reading: Reading) -> None:
    rows = list(tables.learned(await reading.column(tables.Q_FDB_PORT)))
    if rows:
        known: Mapping[int | None, int | None] = tables.vlan_of_databases(await reading.column(tables.Q_VLAN_FDB_ID))
        # Where a switch doesn't say which VLANs share a database, each has its own, mostly called like the VLAN.
        named_so = {row.database: row.database for row in rows if row.database in tables.VLANS}
        reading.add(Q_BRIDGE, rows, known or named_so)
        await _statuses(reading, Q_BRIDGE, tables.Q_FDB_STATUS)


async def _statuses(reading: Reading, table: str, column: tuple[int, ...]) -> None:
    if reading.everything and table in reading.answered:
        reading.own_macs |= tables.not_machines(await reading.column(column))


async def _each_vlan(reading: Reading) -> None:
    vlans = reading.agent.switch.vlans or tables.vlans_in_use(await reading.column(tables.VTP_VLAN_STATE))
    for some in _batches(vlans):
        answered = await asyncio.gather(*(_one_vlan(reading, vlan) for vlan in some))
        if not any(answered):
            reading.problems.append(
                f"switch {reading.agent.switch.name}: it doesn't answer for VLANs {', '.join(map(str, some))} "
                "one by one (community@VLAN, context vlan-VLAN); MACs may be missing."
            )
            return
    if vlans and PER_VLAN not in reading.answered:
        reading.answered.append(PER_VLAN)


async def _one_vlan(reading: Reading, vlan: int) -> bool:
    agent = reading.agent.of_vlan(vlan)
    try:
        rows = list(tables.learned(await reading.column(tables.FDB_PORT, agent)))
        if rows:
            # Only the ports of the VLAN itself are in its map.
            indexes = if_index_of_port(await reading.column(tables.BASE_PORT_IF_INDEX, agent))
            reading.if_indexes = {**reading.if_indexes, **indexes}
            reading.add(PER_VLAN, rows, {None: vlan})
            if reading.everything:
                reading.own_macs |= tables.not_machines(await reading.column(tables.FDB_STATUS, agent))
    except SnmpError:
        return False
    finally:
        agent.close()
    return True


def _batches(vlans: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(vlans), _VLANS_AT_ONCE):
        yield vlans[start : start + _VLANS_AT_ONCE]
