"""What luna expects of a discovery, as tests."""

import pytest

from luna_core.hooks import Hooks
from luna_core.interfaces import NodeNames
from luna_core.testing import facts
from luna_core.testing.general import PluginContract
from luna_core.types import Machine, SettingValue

UNKNOWN = "02:00:00:de:ad:01"


class DiscoveryContract(PluginContract):
    """Override `known_macs` with MACs that the plugin can place, after having taught them to it.

    Override `machine` and `nodes` as well if it goes by what a machine says, or by what the store knows.
    """

    @pytest.fixture
    def known_macs(self) -> list[str]:
        """MACs, lower case with colons, that the plugin has seen."""
        raise NotImplementedError

    @pytest.fixture
    def machine(self, known_macs: list[str], settings: dict[str, SettingValue]) -> Machine:
        """The machine that has these MACs."""
        return facts.machine(known_macs, settings=settings)

    @pytest.fixture
    def nodes(self) -> NodeNames:
        """The nodes of the cluster; none."""
        return NodeNames()

    def test_known_macs_are_placed(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames
    ) -> None:
        """At least one sighting for each."""
        answers = hooks.luna_discover(known_macs, machine, nodes)
        assert {answer.value.mac for answer in answers} == set(known_macs)

    def test_an_unknown_mac_has_no_sighting(
        self, hooks: Hooks, known_macs: list[str], settings: dict[str, SettingValue], nodes: NodeNames
    ) -> None:
        """A guess would give a machine another's name."""
        assert not hooks.luna_discover([UNKNOWN], Machine(macs=(UNKNOWN,), settings=settings), nodes)

    def test_only_what_was_asked_for_is_answered(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames
    ) -> None:
        """Not everything that the plugin knows."""
        assert not hooks.luna_discover([], machine, nodes)
        asked = [known_macs[0], UNKNOWN]
        assert {answer.value.mac for answer in hooks.luna_discover(asked, machine, nodes)} == {known_macs[0]}

    def test_sightings_are_plausible(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames
    ) -> None:
        """A place in words, an age, a confidence from 0 to 1, and a node or a group but not both."""
        for sighting in (answer.value for answer in hooks.luna_discover(known_macs, machine, nodes)):
            assert sighting.place
            assert sighting.age_s >= 0
            assert 0 <= sighting.confidence <= 1
            assert not (sighting.node and sighting.group)
