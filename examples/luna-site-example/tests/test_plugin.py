"""The plugin keeps to luna's rules and does what the site wants of it."""

from pathlib import Path

import pytest

from luna_core.hooks import Hooks
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.discovery import DiscoveryContract
from luna_site_example import inventory


class TestContract(DiscoveryContract):
    module = "luna_site_example.plugin"

    @pytest.fixture
    def known_macs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        file = tmp_path / "inventory.csv"
        file.write_text("mac,node,rack,slot\n52:54:00:00:00:0A,node010,r01,10\n52:54:00:00:00:0b,node011,r01,11\n")
        monkeypatch.setattr(inventory, "INVENTORY", file)
        return ["52:54:00:00:00:0a", "52:54:00:00:00:0b"]

    def test_the_inventory_names_the_node(self, hooks: Hooks, known_macs: list[str]) -> None:
        answers = hooks.luna_discover(known_macs)
        assert [answer.value.node for answer in answers] == ["node010", "node011"]
        assert answers[0].value.place == "rack r01 slot 10"

    @pytest.mark.parametrize(("racks", "console"), [((), "ttyS0,115200"), (("r01", "r02"), "ttyS1,115200")])
    def test_the_console_follows_the_rack(
        self, hooks: Hooks, tmp_path: Path, racks: tuple[str, ...], console: str
    ) -> None:
        node = facts.node(settings={"site.ttys1_racks": racks})
        (answer,) = hooks.luna_kernel_arguments(facts.image(tmp_path), node)
        assert (answer.value.key, answer.value.value) == ("console", console)

    def test_the_message_of_the_day_names_node_and_image(self, hooks: Hooks, tmp_path: Path) -> None:
        (answer,) = hooks.luna_postscripts(facts.image(tmp_path), facts.node())
        (tmp_path / "etc").mkdir()
        run(["sh", "-e"], stdin=answer.value.text, environment={"NEWROOT": str(tmp_path)})
        assert (tmp_path / "etc/motd").read_text() == "This is node001, installed from compute.\n"
