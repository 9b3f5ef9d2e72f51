"""Which files a tree gets; what their readers make of them is in test_network_contract.py."""

from pathlib import Path

import pytest

from luna_core.run import run
from luna_core.testing.debian_packages import unpacked
from luna_core.testing.network_config import infiniband_cards, node_with, samples, write_files
from luna_core.testing.network_machine import PACKAGES
from luna_core.types import Interface
from luna_distro_debian import ifupdown, netplan, networkd
from luna_distro_debian.driver import Debian
from luna_distro_debian.tree import renderer

pytestmark = pytest.mark.timeout(1200)  # netplan is fetched from Debian's archive first
NODE = node_with(*samples()["three_gateways"].interfaces)


def test_netplan_s_file_is_root_s_only_and_says_its_renderer() -> None:
    (file,) = (one for one in netplan.files(NODE) if "netplan" in one.path)
    assert file.mode == 0o600
    assert '"renderer": "networkd"' in file.content


@pytest.mark.parametrize("fabric", infiniband_cards(), ids=("datagram", "connected"))
def test_netplan_makes_of_infiniband_what_luna_writes_for_networkd(tmp_path: Path, fabric: Interface) -> None:
    node = node_with(fabric)
    root = write_files(tmp_path / "root", netplan.files(node))
    packages = unpacked("network-readers", PACKAGES, merged=True)
    libraries = str(next(packages.glob("usr/lib/*-linux-gnu")))
    run([packages / "usr/libexec/netplan/generate", "--root-dir", root], environment={"LD_LIBRARY_PATH": libraries})
    made = (root / "run/systemd/network/10-netplan-ib0.network").read_text()
    (own,) = (file.content for file in networkd.files(node) if file.path.endswith(".network"))
    for line in ("[IPoIB]", f"Mode={fabric.infiniband_mode}", f"MTUBytes={fabric.mtu}"):
        assert line in made.splitlines()
        assert line in own.splitlines()


def test_ifupdown_hears_that_advertisements_are_to_be_ignored_before_the_interface_is_up() -> None:
    sample = samples()["two_families_though_a_router_advertises"]
    (file,) = [one for one in ifupdown.files(node_with(*sample.interfaces)) if one.path == "/etc/network/interfaces"]
    assert file.content.index("accept_ra 0") < file.content.index("inet static")


def test_links_are_named_by_their_mac() -> None:
    files = {file.path: file.content for file in networkd.files(NODE)}
    link = files["/etc/systemd/network/10-luna-boot0.link"]
    assert "PermanentMACAddress=52:54:00:00:00:01" in link
    assert "Name=boot0" in link


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        (("sbin/ifup", "usr/sbin/NetworkManager", "usr/sbin/netplan"), "netplan"),
        (("sbin/ifup", "usr/sbin/NetworkManager"), "ifupdown"),
        (("usr/sbin/NetworkManager",), "networkmanager"),
        ((), "networkd"),
    ],
)
def test_the_tree_decides_who_configures_the_network(tmp_path: Path, programs: tuple[str, ...], chosen: str) -> None:
    for name in programs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert renderer(tmp_path) == chosen


def test_cloud_init_is_kept_from_the_network(tmp_path: Path) -> None:
    path = "/etc/cloud/cloud.cfg.d/99-luna.cfg"
    assert path not in [file.path for file in Debian().network_files(NODE, tmp_path)]
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/cloud-init").touch()
    (file,) = (one for one in Debian().network_files(NODE, tmp_path) if one.path == path)
    assert file.content == "network: {config: disabled}\n"


@pytest.mark.parametrize(
    ("files", "link", "written"),
    [
        ((), None, True),
        (("usr/lib/systemd/systemd-resolved",), "../run/systemd/resolve/stub-resolv.conf", False),
        (("usr/lib/systemd/systemd-resolved",), None, True),
        (("usr/lib/systemd/systemd-resolved", "usr/sbin/ifup"), "../run/systemd/resolve/stub-resolv.conf", True),
        (("usr/sbin/ifup", "usr/sbin/resolvconf"), "/etc/resolvconf/run/resolv.conf", False),
        (("usr/sbin/ifup",), None, True),
        (("usr/sbin/NetworkManager",), None, False),
        (("usr/sbin/netplan", "usr/lib/systemd/systemd-resolved"), "/run/systemd/resolve/stub-resolv.conf", False),
    ],
)
def test_resolv_conf_is_written_where_nobody_else_does(
    tmp_path: Path, files: tuple[str, ...], link: str | None, written: bool
) -> None:
    for name in ("etc/resolv.conf", *files):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if link:
        (tmp_path / "etc/resolv.conf").unlink()
        (tmp_path / "etc/resolv.conf").symlink_to(link)
    found = Debian().network_files(NODE, tmp_path)
    contents = [file.content for file in found if file.path == "/etc/resolv.conf"]
    lines = (
        "# Written by luna.",
        "search cluster.test service.test storage.test example.org",
        "nameserver 10.141.255.254",
    )
    expected = "\n".join([*lines, "nameserver 10.9.0.53", "nameserver 10.8.0.53\n"])
    assert contents == ([expected] if written else [])
