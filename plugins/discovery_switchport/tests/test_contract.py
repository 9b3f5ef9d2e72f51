"""The plugin keeps to luna's rules, and answers a boot from what the poller left behind."""

import os
import time
from pathlib import Path

import pytest

from luna_core.errors import BadInput
from luna_core.hooks import Hooks
from luna_core.interfaces import NodeNames
from luna_core.settings import parse_setting
from luna_core.testing.discovery import DiscoveryContract
from luna_core.types import Machine, Setting
from luna_discovery_switchport.plugin import INTERVAL, MOST_MACS
from luna_discovery_switchport.snapshot import Cabling, Entry, Folder, Port, Snapshot

MAC, UPLINKED = "52:54:00:00:00:01", "52:54:00:00:00:02"


def snapshot(port: int, at: float) -> Snapshot:
    ports = (Port(if_index=1, bridge_ports=(1,), name="swp1"), Port(if_index=2, bridge_ports=(2,), name="swp2"))
    places = ((MAC, port), (UPLINKED, 3))
    known = {"vlan": None, "first_seen": at, "last_seen": at}
    entries = tuple(Entry(mac=mac, bridge_port=one, if_index=one, **known) for mac, one in places)  # type: ignore[arg-type]
    uplink = Port(if_index=3, bridge_ports=(3,), name="swp3", leads_to="it is a link aggregation")
    return Snapshot(switch="sw01", polled_at=at, ports=(*ports, uplink), entries=entries)


class TestContract(DiscoveryContract):
    module = "luna_discovery_switchport.plugin"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
        folder = Folder(tmp_path)
        folder.create()
        folder.wanted.touch()
        os.utime(folder.wanted, (1, 1))
        return folder

    @pytest.fixture
    def known_macs(self, folder: Folder) -> list[str]:
        folder.write(snapshot(1, time.time() - 30))
        nodes = (("node001", "sw01", "swp1"), ("node002", "sw01", "swp2"))
        folder.write_cabling(Cabling(nodes=nodes))
        return [MAC, UPLINKED]

    def test_the_sighting_says_node_place_and_age(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames
    ) -> None:
        at_port, at_uplink = (one.value for one in hooks.luna_discover(known_macs, machine, nodes))
        assert (at_port.node, at_port.place) == ("node001", "switch sw01 port swp1")
        assert at_port.age_s >= 30
        assert at_uplink.node is None
        assert at_uplink.confidence < at_port.confidence

    def test_a_new_answer_of_the_switch_and_a_new_cabling_are_seen_at_once(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames, folder: Folder
    ) -> None:
        hooks.luna_discover([MAC], machine, nodes)
        folder.write(snapshot(2, time.time()))
        assert [one.value.node for one in hooks.luna_discover([MAC], machine, nodes)] == ["node002"]
        folder.write_cabling(Cabling(nodes=(("node009", "sw01", "swp2"),)))
        assert [one.value.node for one in hooks.luna_discover([MAC], machine, nodes)] == ["node009"]

    @pytest.mark.parametrize(("mac", "waits"), [(MAC, False), (UPLINKED, True), ("52:54:00:00:00:99", True)])
    def test_the_poller_is_asked_for_machines_that_are_at_no_port(
        self,
        hooks: Hooks,
        known_macs: list[str],
        machine: Machine,
        nodes: NodeNames,
        folder: Folder,
        mac: str,
        waits: bool,
    ) -> None:
        hooks.luna_discover([mac], machine, nodes)
        assert (folder.asked_at() > 1) is waits

    def test_without_a_poller_there_are_no_sightings_and_no_error(
        self, hooks: Hooks, machine: Machine, nodes: NodeNames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "nowhere"))
        assert hooks.luna_discover([MAC], machine, nodes) == []

    def test_a_file_that_is_no_snapshot_is_no_error(
        self, hooks: Hooks, known_macs: list[str], machine: Machine, nodes: NodeNames, folder: Folder
    ) -> None:
        (folder.snapshots / "sw02.json").write_text('{"switch": "sw02"}')
        assert [one.value.node for one in hooks.luna_discover([MAC], machine, nodes)] == ["node001"]


@pytest.mark.parametrize(("setting", "value", "accepted"), [(INTERVAL, 0.5, "1 to 86400"), (MOST_MACS, 0, "1 to ")])
def test_a_number_that_would_stop_it_is_refused(setting: Setting, value: float, accepted: str) -> None:
    with pytest.raises(BadInput, match=f"setting {setting.name}: {value} was given; accepted is from {accepted}"):
        parse_setting(setting, value)
