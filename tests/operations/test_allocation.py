"""The lowest free address first, and never one that somebody has or that is held back: a machine against a model."""

from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from luna_core.errors import BadInput
from luna_core.model import AddressRange, Cluster, Group, Network, Node
from luna_core.operations import Luna, doctor, interfaces, networks, objects
from luna_core.settings import MachineSettings
from luna_core.types import IPAddress

BASES = {4: "10.0.0.0/28", 6: "fd00::/124"}
HOSTS = 16
GATEWAY, CONTROLLER = 14, 1
DHCP = (9, 11)
OFFSETS = st.integers(0, HOSTS - 1)


class Allocation(RuleBasedStateMachine):
    """A tiny dual-stack network whose every address is known to the model, by its offset in the subnet."""

    @initialize(families=st.sampled_from([(4,), (6,), (4, 6)]))
    def make(self, families: tuple[int, ...]) -> None:
        self.directory = TemporaryDirectory()
        path = Path(self.directory.name)
        self.luna = Luna(MachineSettings(store=f"sqlite://{path}/luna.db", key_file=path / "key"), who="ada")
        self.families = families
        self.nodes: dict[str, dict[int, int]] = {}
        self.reserved: set[int] = set()
        frontend = [str(self.address(family, CONTROLLER)) for family in families]
        subnets = [
            {
                "network": BASES[family],
                "gateway": str(self.address(family, GATEWAY)),
                "dhcp_range": {
                    key: str(self.address(family, end)) for key, end in zip(("first", "last"), DHCP, strict=True)
                },
            }
            for family in families
        ]
        self.luna.change(lambda work: objects.add(work, Cluster, "c", {"frontend_addresses": frontend}), "")
        self.luna.change(lambda work: objects.add(work, Network, "net", {"subnets": subnets}), "")
        self.luna.change(
            lambda work: objects.add(work, Group, "g", {"interfaces": {"BOOTIF": {"networks": ["net"]}}}), ""
        )

    def teardown(self) -> None:
        if hasattr(self, "luna"):
            self.luna.__exit__()
            self.directory.cleanup()

    @staticmethod
    def address(family: int, offset: int) -> IPAddress:
        return ip_network(BASES[family])[offset]

    def free(self, family: int) -> list[int]:
        held = {0, GATEWAY, CONTROLLER, *range(DHCP[0], DHCP[1] + 1)} | ({HOSTS - 1} if family == 4 else set())
        taken = {offsets[family] for offsets in self.nodes.values()}
        return [offset for offset in range(HOSTS) if offset not in held | taken | self.reserved]

    @rule(name=st.sampled_from("abcdefghijklmnop"))
    def add(self, name: str) -> None:
        if name in self.nodes:
            return
        if all(map(self.free, self.families)):
            self.nodes[name] = {family: self.free(family)[0] for family in self.families}
            self.luna.change(lambda work: objects.add(work, Node, name, {"group": "g"}), "")
            return
        with pytest.raises(BadInput, match=r"network net: no address is free in .*Release a reserved range"):
            self.luna.change(lambda work: objects.add(work, Node, name, {"group": "g"}), "")

    @precondition(lambda self: self.nodes)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.nodes)))
        self.luna.change(lambda work: objects.delete(work, Node, name), "")
        del self.nodes[name]

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), offset=OFFSETS)
    def choose(self, data: st.DataObject, offset: int) -> None:
        """An administrator may give any host's address, a reserved one or the gateway's too."""
        name = data.draw(st.sampled_from(sorted(self.nodes)))
        family = data.draw(st.sampled_from(self.families))
        others = {offsets[family] for node, offsets in self.nodes.items() if node != name}
        allowed = {*self.free(family), *self.reserved, GATEWAY, self.nodes[name][family]} - others - {0, CONTROLLER}
        allowed -= {HOSTS - 1} if family == 4 else set()
        allowed -= set(range(DHCP[0], DHCP[1] + 1))
        address = self.address(family, offset)
        if offset in allowed:
            self.luna.change(lambda work: interfaces.set_address(work, name, "BOOTIF", address), "")
            self.nodes[name][family] = offset
            return
        with pytest.raises(BadInput, match=str(address)):
            self.luna.change(lambda work: interfaces.set_address(work, name, "BOOTIF", address), "")

    @rule(ends=st.tuples(OFFSETS, OFFSETS).map(sorted), release=st.booleans())
    def hold(self, ends: list[int], release: bool) -> None:
        """Reserve or release a range, in every family; the model does it address by address."""
        wanted = set(range(ends[0], ends[1] + 1))
        taken = {offset for offsets in self.nodes.values() for offset in offsets.values()}
        possible = wanted <= self.reserved if release else not wanted & (self.reserved | taken)
        step = networks.release if release else networks.reserve
        ranges = [
            AddressRange(first=self.address(one, ends[0]), last=self.address(one, ends[1])) for one in self.families
        ]
        try:
            for one in ranges:
                self.luna.change(lambda work, one=one: step(work, "net", one), "", dry_run=not possible)  # type: ignore[misc]
        except BadInput:
            # A range may span reserved ones that were reserved apart.
            assert not possible or release
        else:
            assert possible
            self.reserved = self.reserved - wanted if release else self.reserved | wanted

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if not hasattr(self, "luna"):
            return
        stored = self.luna.read(lambda work: {one.name: one.addresses for one in work.all(Node)})
        wanted = {
            name: {self.address(family, offset) for family, offset in offsets.items()}
            for name, offsets in self.nodes.items()
        }
        assert {name: {one.address for one in addresses} for name, addresses in stored.items()} == wanted
        subnets = self.luna.read(lambda work: work.get(Network, "net")).subnets
        for subnet in subnets:
            held = {offset for offset in range(HOSTS) for one in subnet.reserved if subnet.network[offset] in one}
            assert held == self.reserved
        assert not list(self.luna.read(lambda work: list(doctor.problems(work))))


TestAllocation = Allocation.TestCase
TestAllocation.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
