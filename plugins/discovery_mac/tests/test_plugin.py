"""The plugin keeps to luna's rules and finds the owners of cards."""

import pytest

from luna_core.hooks import Hooks
from luna_core.interfaces import NodeNames
from luna_core.testing.discovery import DiscoveryContract
from luna_core.testing.fakes.node_names import FakeNodeNames
from luna_core.types import Machine

FIRST, SECOND, OTHERS = "52:54:00:00:00:01", "52:54:00:00:01:01", "52:54:00:00:00:02"


class TestContract(DiscoveryContract):
    module = "luna_discovery_mac.plugin"

    @pytest.fixture
    def known_macs(self) -> list[str]:
        return [FIRST, SECOND]

    @pytest.fixture
    def nodes(self) -> NodeNames:
        return FakeNodeNames(macs={FIRST: "node001", SECOND: "node001", OTHERS: "node002"})

    def test_every_card_is_looked_up(self, hooks: Hooks, machine: Machine, nodes: NodeNames) -> None:
        answers = hooks.luna_discover([FIRST, OTHERS], machine, nodes)
        assert [(one.value.mac, one.value.node) for one in answers] == [(FIRST, "node001"), (OTHERS, "node002")]
