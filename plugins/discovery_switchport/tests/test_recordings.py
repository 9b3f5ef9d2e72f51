"""Real switches of many vendors, recorded: what luna makes of them against the recordings' own lines."""

import asyncio
from pathlib import Path

import pytest

from luna_core.types import Switch
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.places import Places
from luna_discovery_switchport.poll import read_switch
from luna_discovery_switchport.snapshot import Cabling, Snapshot

BRIDGE = "1.3.6.1.2.1.17"
Rows = dict[str, str]


class Recorded:
    """A recording read line by line, by nothing that luna reads switches with."""

    def __init__(self, path: Path) -> None:
        lines = (line.split("|", 2) for line in path.read_text(errors="replace").splitlines())
        self._rows = {oid: (kind, value) for oid, kind, value in lines}
        self.if_indexes = self.column(f"{BRIDGE}.1.4.1.2")
        self.statuses = {**self.column(f"{BRIDGE}.4.3.1.3"), **self.column(f"{BRIDGE}.7.1.2.2.1.3")}
        self.ports = {**self.column(f"{BRIDGE}.4.3.1.2"), **self.column(f"{BRIDGE}.7.1.2.2.1.2")}

    def column(self, oid: str) -> Rows:
        return {one[len(oid) + 1 :]: value for one, (_, value) in self._rows.items() if one.startswith(f"{oid}.")}

    def octets(self, oid: str) -> dict[str, bytes]:
        found = {one: self._rows[f"{oid}.{one}"] for one in self.column(oid)}
        return {one: bytes.fromhex(text) if "x" in kind else text.encode() for one, (kind, text) in found.items()}

    def own(self) -> set[str]:
        """The switch's own MACs."""
        found = {*self.octets("1.3.6.1.2.1.2.2.1.6").values(), *self.octets(f"{BRIDGE}.1.1").values()}
        own = {octets.hex(":") for octets in found}
        return own | {mac(index) for index, status in self.statuses.items() if status in ("2", "4")}

    def learned(self) -> set[tuple[str, int, int | None]]:
        """MAC, bridge port and ifIndex of every machine; None where the map has a hole."""
        own = self.own()
        found = set()
        for index, port in self.ports.items():
            if mac(index) not in own and int(port) and not int(mac(index)[:2], 16) & 1:
                if_index = int(self.if_indexes.get(port, "0"))
                found.add((mac(index), int(port), if_index or None))
        return found

    def uplinks(self) -> set[int | None]:
        """The ifIndexes of ports that nothing may be named by, as far as one can tell from single lines."""
        lags = self.column("1.2.840.10006.300.43.1.2.1.1.13")
        bundled = {int(port) for port, lag in lags.items() if lag not in ("0", port)}
        kinds = self.column("1.3.6.1.2.1.2.2.1.3")
        odd = {int(index) for index, kind in kinds.items() if kind not in ("6", "7", "62", "69", "117")}
        root = self.column(f"{BRIDGE}.2.7").get("0", "0")
        return bundled | odd | {int(self.if_indexes.get(root, "0"))}


def mac(index: str) -> str:
    return ":".join(f"{int(one):02x}" for one in index.split(".")[-6:])


@pytest.fixture(scope="module")
def recorded(recording: tuple[Path, Switch]) -> Recorded:
    return Recorded(recording[0])


@pytest.fixture(scope="module")
def snapshot(recording: tuple[Path, Switch]) -> Snapshot:
    async def ask() -> Snapshot:
        agent = Agent(recording[1])
        try:
            return await read_switch(agent)
        finally:
            agent.close()

    return asyncio.run(ask())


def test_each_mac_is_on_the_port_where_the_recording_has_it(recorded: Recorded, snapshot: Snapshot) -> None:
    assert {(one.mac, one.bridge_port, one.if_index) for one in snapshot.entries} == recorded.learned()
    assert snapshot.problems == ()


def test_no_port_is_made_up(recorded: Recorded, snapshot: Snapshot) -> None:
    known = {(int(port), int(index)) for port, index in recorded.if_indexes.items() if int(index)}
    assert {(port, one.if_index) for one in snapshot.ports for port in one.bridge_ports} == known


@pytest.mark.parametrize("form", ["name", "alias", "ifindex", "bridge"])
def test_nodes_are_named_by_their_own_ports_alone(recorded: Recorded, snapshot: Snapshot, form: str) -> None:
    """With a node at every port, uplinks included: each MAC's node is that of its port, or there is none."""
    texts = {
        one.if_index: {"name": one.name, "alias": one.alias, "ifindex": str(one.if_index)}.get(form, str(port))
        for one in snapshot.ports
        for port in one.bridge_ports[:1]
    }
    nodes = tuple((f"node{index}", "sw01", text) for index, text in texts.items() if text and " " not in text)
    numbers = form if form in ("ifindex", "bridge") else "either"
    places = Places({"sw01": snapshot}, Cabling(nodes=nodes, port_numbers={"sw01": numbers}))
    uplinks = recorded.uplinks() | {None}
    allowed = {(one, f"node{index}") for one, _, index in recorded.learned() if index not in uplinks}
    named = {(place.entry.mac, place.node) for one in snapshot.entries for place in places.of(one.mac) if place.node}
    assert named <= allowed
    if form == "ifindex":
        quiet = {one.if_index for one in snapshot.ports if one.bridge_ports and not places.uplink("sw01", one)}
        on_names = {one.name.lower() for one in snapshot.ports}
        sure = {index for index in quiet if str(index) not in on_names}
        assert {(one, node) for one, node in allowed if int(node[4:]) in sure} <= named
