"""The plugin keeps to luna's rules and is off until a group is named."""

import pytest

from luna_core.hooks import Hooks
from luna_core.testing import facts
from luna_core.testing.discovery import DiscoveryContract
from luna_core.types import Machine, SettingValue

MAC = "52:54:00:00:00:01"


class TestContract(DiscoveryContract):
    module = "luna_discovery_group.plugin"

    @pytest.fixture
    def known_macs(self) -> list[str]:
        return [MAC]

    @pytest.fixture
    def machine(self, settings: dict[str, SettingValue]) -> Machine:
        return facts.machine([MAC], settings={**settings, "discovery.group": "compute"})

    def test_the_group_is_the_settings(self, hooks: Hooks, machine: Machine) -> None:
        (answer,) = hooks.luna_discover([MAC], machine)
        assert (answer.value.node, answer.value.group) == (None, "compute")

    def test_it_is_off_by_default(self, hooks: Hooks, settings: dict[str, SettingValue]) -> None:
        assert hooks.luna_discover([MAC], facts.machine([MAC], settings=settings)) == []
