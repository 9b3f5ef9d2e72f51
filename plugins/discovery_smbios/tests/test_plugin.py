"""The plugin keeps to luna's rules and goes by true numbers only."""

from dataclasses import replace

import pytest

from luna_core.hooks import Hooks
from luna_core.interfaces import NodeNames
from luna_core.testing.discovery import DiscoveryContract
from luna_core.testing.fakes.node_names import FakeNodeNames
from luna_core.types import Machine

MAC = "52:54:00:00:00:01"


class TestContract(DiscoveryContract):
    module = "luna_discovery_smbios.plugin"

    @pytest.fixture
    def known_macs(self) -> list[str]:
        return [MAC]

    @pytest.fixture
    def nodes(self) -> NodeNames:
        return FakeNodeNames(serials={"SN-0001": "node001"}, asset_tags={"A-0002": "node002"})

    def test_the_serial_number_names_the_node(self, hooks: Hooks, machine: Machine, nodes: NodeNames) -> None:
        (answer,) = hooks.luna_discover([MAC], replace(machine, serial=" SN-0001 "), nodes)
        assert (answer.value.node, answer.value.place) == ("node001", "serial number SN-0001")

    def test_a_tag_that_names_another_node_is_said_too(self, hooks: Hooks, machine: Machine, nodes: NodeNames) -> None:
        answers = hooks.luna_discover([MAC], replace(machine, asset_tag="A-0002"), nodes)
        assert [one.value.node for one in answers] == ["node001", "node002"]

    @pytest.mark.parametrize("text", ["", "  "])
    def test_no_number_names_nothing(self, hooks: Hooks, machine: Machine, text: str) -> None:
        careless = FakeNodeNames(serials={"": "node001"}, asset_tags={"": "node002"})
        assert hooks.luna_discover([MAC], replace(machine, serial=text, asset_tag=text), careless) == []
