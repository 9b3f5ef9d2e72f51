"""What is read from one switch in one poll, before it becomes a snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from luna_discovery_switchport import tables
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.ber import Oid, Value
from luna_discovery_switchport.failures import Circle
from luna_discovery_switchport.snapshot import Entry, Snapshot


@dataclass
class Reading:
    """What was read so far. `everything`: also what hardly changes, and tables that were empty the last time."""

    agent: Agent
    before: Snapshot
    everything: bool
    if_indexes: Mapping[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    entries: set[Entry] = field(default_factory=set)
    own_macs: set[str] = field(default_factory=set)

    async def column(self, oid: Oid, agent: Agent | None = None) -> Mapping[Oid, Value]:
        """The rows of a column; none, and a problem, if it has no end. Raises SnmpError."""
        try:
            return await (agent or self.agent).walk(oid)
        except Circle as error:
            self.problems.append(str(error))
            return {}

    def add(self, table: str, rows: Iterable[tables.Learned], vlans: Mapping[int | None, int | None]) -> None:
        """Take up rows of the table called `table`; `vlans` gives the VLAN of each filter database."""
        for row in rows:
            index = self.if_indexes.get(row.bridge_port)
            vlan = vlans.get(row.database)
            self.entries.add(Entry(mac=row.mac, vlan=vlan, bridge_port=row.bridge_port, if_index=index))
            if table not in self.answered:
                self.answered.append(table)

    def learned(self) -> Iterable[Entry]:
        """The entries of machines: none of the switch's own, and without a VLAN only where no table knows it.

        Tables that have a MAC at different ports, as while a machine moves, are both believed.
        """
        with_vlan = {(one.mac, one.bridge_port) for one in self.entries if one.vlan is not None}
        for one in self.entries:
            if one.mac not in self.own_macs and (one.vlan is not None or (one.mac, one.bridge_port) not in with_vlan):
                yield one


def if_index_of_port(rows: Mapping[Oid, Value]) -> dict[int, int]:
    """The ifIndex of each bridge port, by dot1dBasePortIfIndex alone: whatever it lacks would be a guess."""
    return {port: index for port, index in tables.numbers(rows).items() if index > 0}
