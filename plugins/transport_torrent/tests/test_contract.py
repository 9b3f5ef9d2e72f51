"""The transport keeps to luna's rules, and what it says of itself holds."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import libtorrent
import pytest

import luna_transport_torrent.node
from luna_core.hooks import Hooks
from luna_core.testing.subject import Subject
from luna_core.testing.transport import TransportContract
from luna_core.types import ImageVersion, InitrdFile, Node, SettingValue


class TestContract(TransportContract):
    module = "luna_transport_torrent.plugin"

    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: Subject) -> dict[str, SettingValue]:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "state"))
        return {**subject.settings, "http.port": 8050, "http.files_port": 8051, "torrent.request_queue": 48}

    def test_an_endpoint_says_all_that_a_node_must_know(self, hooks: Hooks, version: ImageVersion, node: Node) -> None:
        node = replace(node, cluster=replace(node.cluster, frontend_addresses=(ip_address("fd00::fe"),)))
        hooks.luna_transport_publish(version)
        (endpoint,) = (answer.value for answer in hooks.luna_transport_endpoints(version, node))
        assert endpoint.url == f"http://[fd00::fe]:8051/torrents/{version.manifest_sha256}.torrent"
        assert endpoint.parameters == {
            "base": f"http://[fd00::fe]:8051/images/{version.manifest_sha256}/",
            "tracker": "http://[fd00::fe]:8050/announce/",
            "controllers": "fd00::fe",
            "port": "6881",
            "request_queue": "48",
        }

    def test_two_controllers_make_the_same_torrent(
        self, hooks: Hooks, version: ImageVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hooks.luna_transport_publish(version)
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "other"))
        hooks.luna_transport_publish(version)
        torrents = [path.read_bytes() for path in tmp_path.glob("*/public/torrents/*.torrent")]
        assert len(torrents) == 2
        assert torrents[0] == torrents[1]

    def test_a_torrent_is_private_and_holds_the_shards_alone(
        self, hooks: Hooks, version: ImageVersion, tmp_path: Path
    ) -> None:
        hooks.luna_transport_publish(version)
        (path,) = tmp_path.glob("state/public/torrents/*.torrent")
        torrent = libtorrent.torrent_info(str(path))
        assert torrent.priv()
        assert not libtorrent.load_torrent_file(str(path)).trackers
        assert torrent.info_hashes().has_v2()
        assert not torrent.info_hashes().has_v1()
        layout = torrent.layout()
        files = [layout.file_path(index) for index in range(layout.num_files()) if not layout.file_flags(index) & 1]
        assert files == [f"{version.manifest_sha256}/shards/0"]

    def test_a_node_gets_all_of_the_plugins_node_modules(self, hooks: Hooks, version: ImageVersion) -> None:
        files = [answer.value for answer in hooks.luna_initrd_files(version.image)]
        sources = {file.source for file in files if isinstance(file, InitrdFile)}
        assert set(Path(luna_transport_torrent.node.__file__).parent.glob("*.py")) <= sources
        assert Path(libtorrent.__file__) in sources
