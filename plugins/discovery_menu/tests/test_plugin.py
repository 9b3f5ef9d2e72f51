"""The plugin keeps to luna's rules and passes on what was chosen, and nothing else."""

from dataclasses import replace

import pytest

from luna_core.hooks import Hooks
from luna_core.testing import facts
from luna_core.testing.discovery import DiscoveryContract
from luna_core.types import Machine

MAC = "52:54:00:00:00:01"


class TestContract(DiscoveryContract):
    module = "luna_discovery_menu.plugin"

    @pytest.fixture
    def known_macs(self) -> list[str]:
        return [MAC]

    @pytest.fixture
    def machine(self) -> Machine:
        return replace(facts.machine([MAC]), chosen_node="node007")

    def test_a_node_or_a_group_is_passed_on(self, hooks: Hooks, machine: Machine) -> None:
        (node,) = hooks.luna_discover([MAC], machine)
        (group,) = hooks.luna_discover([MAC], replace(machine, chosen_node="", chosen_group="compute"))
        assert (node.value.node, node.value.group) == ("node007", None)
        assert (group.value.node, group.value.group) == (None, "compute")

    def test_where_nothing_was_chosen_nothing_is_said(self, hooks: Hooks) -> None:
        assert hooks.luna_discover([MAC], facts.machine([MAC])) == []
