"""Which node a MAC belongs to, by the port where it was seen, and why a port tells nothing where it doesn't."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from luna_discovery_switchport.names import Match, PortNames
from luna_discovery_switchport.snapshot import Cabling, Entry, Port, Snapshot


@dataclass(frozen=True, kw_only=True)
class Place:
    """A MAC at a port. `node` belongs there; `uplink` says why the port names nobody, `doubt` why its nodes are unsure.

    `port` is None where the switch doesn't say which port its bridge port is.
    """

    switch: str
    entry: Entry
    port: Port | None = None
    node: str | None = None
    uplink: str = ""
    doubt: str = ""

    @property
    def text(self) -> str:
        """The place in words."""
        where = f"port {self.port.title}" if self.port else f"bridge port {self.entry.bridge_port}"
        why = self.uplink or self.doubt
        return f"switch {self.switch} {where}" + (f" ({why})" if why else "")


class Board:
    """One switch: its snapshot, and what administrators say of it."""

    def __init__(self, snapshot: Snapshot, cabling: Cabling) -> None:
        self.snapshot = snapshot
        self._cabling = cabling

    @cached_property
    def ports(self) -> Mapping[int, Port]:
        """The ports by ifIndex."""
        return {one.if_index: one for one in self.snapshot.ports}

    @cached_property
    def names(self) -> PortNames:
        """The ports by everything that they may be called."""
        numbers = self._cabling.port_numbers.get(self.snapshot.switch, "either")
        return PortNames(self.snapshot.ports, numbers)

    @cached_property
    def configured(self) -> Mapping[str, tuple[str, Match]]:
        """For each node that belongs at this switch, its port as configured and what that means."""
        own = ((node, port) for node, switch, port in self._cabling.nodes if switch == self.snapshot.switch)
        return {node: (port, self.names.find(port)) for node, port in own}

    @cached_property
    def nodes(self) -> Mapping[int, list[str]]:
        """The nodes that may belong at each ifIndex; one that means two ports is at both."""
        found: dict[int, list[str]] = {}
        for node, (_, match) in self.configured.items():
            for port in match.ports:
                found.setdefault(port.if_index, []).append(node)
        return found

    @cached_property
    def uplinks(self) -> frozenset[int]:
        """The ifIndexes of configured uplinks; a text that means two ports means both."""
        given = self._cabling.uplinks.get(self.snapshot.switch, ())
        return frozenset(port.if_index for text in given for port in self.names.find(text).ports)


class Places:
    """All switches together: one is an uplink's end where another's MAC is seen."""

    def __init__(self, snapshots: Mapping[str, Snapshot], cabling: Cabling) -> None:
        self.boards = {name: Board(one, cabling) for name, one in snapshots.items()}
        self._cabling = cabling
        self._uplinks: dict[tuple[str, int], str] = {}
        self._switch_macs = {mac: one.switch for one in snapshots.values() for mac in one.own_macs}
        self._switch_macs |= cabling.switch_macs

    def of(self, mac: str) -> Iterator[Place]:
        """Every place where a MAC was seen."""
        for name, board in self.boards.items():
            for entry in board.snapshot.by_mac.get(mac, ()):
                yield self.place(name, entry)

    def place(self, switch: str, entry: Entry) -> Place:
        """What an entry of a switch's table means."""
        board = self.boards[switch]
        port = board.ports.get(entry.if_index) if entry.if_index is not None else None
        if port is None:
            return Place(switch=switch, entry=entry, doubt="the switch doesn't say which port that is")
        if uplink := self.uplink(switch, port):
            return Place(switch=switch, entry=entry, port=port, uplink=uplink)
        nodes = board.nodes.get(port.if_index, [])
        doubt = self.doubt(board, nodes)
        node = nodes[0] if nodes and not doubt else None
        return Place(switch=switch, entry=entry, port=port, node=node, doubt=doubt)

    def uplink(self, switch: str, port: Port) -> str:
        """Why a port leads to more than one machine; empty if it doesn't, as far as anything tells."""
        # Each of the thousands of MACs at an uplink asks for it.
        if (switch, port.if_index) not in self._uplinks:
            self._uplinks[switch, port.if_index] = self._uplink(switch, port)
        return self._uplinks[switch, port.if_index]

    def _uplink(self, switch: str, port: Port) -> str:
        board = self.boards[switch]
        macs = board.snapshot.macs.get(port.if_index, set())
        if port.if_index in board.uplinks:
            return "it is configured as an uplink"
        if port.leads_to:
            return port.leads_to
        others = {self._switch_macs[mac] for mac in macs if mac in self._switch_macs} - {switch}
        if others:
            return f"switch {min(others)} is behind it"
        if len(macs) > self._cabling.most_macs:
            return f"{len(macs)} MACs are behind it, and switchport.most_macs is {self._cabling.most_macs}"
        return ""

    @staticmethod
    def doubt(board: Board, nodes: list[str]) -> str:
        """Why none of the nodes at a port may be named by it."""
        if len(nodes) > 1:
            claims = " and ".join(f"{node} as {board.configured[node][0]}" for node in sorted(nodes))
            return f"it is configured twice: {claims}"
        for node in nodes:
            text, match = board.configured[node]
            if match.port is None:
                ports = " and ".join(port.title for port in match.ports)
                return f"{node} is configured at {text}, which means {ports}"
        return ""
