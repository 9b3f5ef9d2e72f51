"""What luna expects of a discovery, as tests."""

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.general import PluginContract

UNKNOWN = "02:00:00:de:ad:01"


class DiscoveryContract(PluginContract):
    """Override `known_macs` with MACs that the plugin can place, after having taught them to it."""

    @pytest.fixture
    def known_macs(self) -> list[str]:
        """MACs, lower case with colons, that the plugin has seen."""
        raise NotImplementedError

    def test_known_macs_are_placed(self, hooks: Hooks, known_macs: list[str]) -> None:
        """At least one sighting for each."""
        assert {answer.value.mac for answer in hooks.luna_discover(known_macs)} == set(known_macs)

    def test_an_unknown_mac_has_no_sighting(self, hooks: Hooks, known_macs: list[str]) -> None:
        """A guess would give a machine another's name."""
        assert not hooks.luna_discover([UNKNOWN])

    def test_only_what_was_asked_for_is_answered(self, hooks: Hooks, known_macs: list[str]) -> None:
        """Not everything that the plugin knows."""
        assert not hooks.luna_discover([])
        asked = [known_macs[0], UNKNOWN]
        assert {answer.value.mac for answer in hooks.luna_discover(asked)} == {known_macs[0]}

    def test_sightings_are_plausible(self, hooks: Hooks, known_macs: list[str]) -> None:
        """A place in words, an age, and a confidence from 0 to 1."""
        for sighting in (answer.value for answer in hooks.luna_discover(known_macs)):
            assert sighting.place
            assert sighting.age_s >= 0
            assert 0 <= sighting.confidence <= 1
