"""What luna expects of the network files of a distro, as tests: their own readers configure a kernel by them."""

from pathlib import Path
from typing import ClassVar

import pytest

from luna_core.errors import BadInput
from luna_core.interfaces import Distro
from luna_core.testing.network_config import Sample, infiniband_cards, node_with, samples, with_options
from luna_core.testing.network_machine import Case, Reader, Seen, read
from luna_core.types import Interface

SAMPLES = (*samples(), "options")


class NetworkContract:
    """Set `driver_class`, the `reader` of the files and what a tree `has` for which the driver writes them.

    `options` say in the reader's language that a card's MTU is 1400; None: the driver refuses free options.
    """

    driver_class: ClassVar[type[Distro]]
    reader: ClassVar[Reader]
    has: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[str | None] = None

    @pytest.fixture(scope="class")
    @classmethod
    def tree(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A tree with no more in it than the programs by which the driver chooses."""
        tree = tmp_path_factory.mktemp("tree")
        for name in cls.has:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        return tree

    @pytest.fixture(scope="class")
    @classmethod
    def nodes(cls) -> dict[str, Sample]:
        """Every sample that the driver is to write files for."""
        return samples() | ({"options": with_options(cls.options)} if cls.options else {})

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls, nodes: dict[str, Sample], tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
        """What became of all samples; one boot for them all."""
        cases = {
            name: Case(cls.driver_class().network_files(node_with(*one.interfaces), tree), cls.reader, one.router)
            for name, one in nodes.items()
        }
        return dict(read(cases, tmp_path_factory.mktemp("machine")))

    @pytest.mark.timeout(900)
    @pytest.mark.parametrize("name", SAMPLES)
    def test_the_kernel_has_what_the_node_is_to_have(self, request: pytest.FixtureRequest, name: str) -> None:
        """And nothing else: no further address, route, member or server."""
        nodes: dict[str, Sample] = request.getfixturevalue("nodes")
        if name not in nodes:
            self._refuses_options(request.getfixturevalue("tree"))
            return
        found: Seen = request.getfixturevalue("seen")[name]
        expected = nodes[name].lines()
        # A card that is up without an address does no harm.
        lines = [line for line in found.lines() if line in expected or not line.endswith(" is up")]
        assert (found.status, lines) == (0, expected), found.log

    def _refuses_options(self, tree: Path) -> None:
        with pytest.raises(BadInput, match="interface eth1: options: "):
            self.driver_class().network_files(node_with(*with_options("mtu: 1400").interfaces), tree)

    def test_infiniband_is_written_though_no_card_is_here_to_prove_it(self, tree: Path) -> None:
        """Its address, MTU, name and mode are in one file."""
        for fabric in infiniband_cards():
            files = self.driver_class().network_files(node_with(fabric), tree)
            words = ("ib0", "10.50.0.1", str(fabric.mtu), str(fabric.infiniband_mode))
            assert [file for file in files if all(word in file.content for word in words)]

    def test_a_bmc_is_not_the_operating_system_s(self, tree: Path) -> None:
        """Nor is a VLAN written that nobody said the parent of."""
        files = self.driver_class().network_files(node_with(*samples()["three_gateways"].interfaces), tree)
        assert not [file for file in files if "10.148" in file.content]
        with pytest.raises(BadInput, match="node node001: interface eth9: type vlan needs both"):
            self.driver_class().network_files(node_with(Interface(name="eth9", type="vlan", vlan=9)), tree)
