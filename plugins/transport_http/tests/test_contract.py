"""The transport keeps to luna's rules."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.subject import Subject
from luna_core.testing.transport import TransportContract
from luna_core.types import ImageVersion, Node, SettingValue


class TestContract(TransportContract):
    module = "luna_transport_http.plugin"

    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: Subject) -> dict[str, SettingValue]:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "state"))
        return {**subject.settings, "http.files_port": 7077}

    def test_an_address_in_the_nodes_own_network_comes_first(
        self, hooks: Hooks, version: ImageVersion, node: Node
    ) -> None:
        frontends = tuple(ip_address(text) for text in ("fd00::fe", "192.0.2.1", "10.141.255.254"))
        node = replace(node, cluster=replace(node.cluster, frontend_addresses=frontends))
        hooks.luna_transport_publish(version)
        endpoints = [answer.value for answer in hooks.luna_transport_endpoints(version, node)]
        urls = [one.url for one in sorted(endpoints, key=lambda one: one.rank)]
        hosts = ["10.141.255.254", "192.0.2.1", "[fd00::fe]"]
        assert urls == [f"http://{host}:7077/images/{version.manifest_sha256}/" for host in hosts]
