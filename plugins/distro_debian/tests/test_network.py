"""Network configurations, read by those who will read them on a node: networkd in a network namespace, netplan's
generator, and ifupdown."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.types import Interface, Node
from luna_distro_debian import ifupdown, netplan, networkd
from luna_distro_debian.driver import Debian

Make = Callable[..., Node]
Write = Callable[..., Path]
Sample = dict[str, Interface]
KINDS = (
    ("plain",),
    ("plain", "second"),
    ("dhcp", "second"),
    ("plain", "left", "right", "bond", "vlan"),
    ("plain", "tagged"),
    ("plain", "left", "bridge"),
)
# Runs networkd on the files alone until it has configured the links asked for, then says what it made of them. They are
# veth, which have no MAC of their own making, so they are found by name.
IN_NAMESPACE = """
mount -t tmpfs none /run
mkdir -p /run/systemd/netif/links /run/udev /run/systemd/network
chown -R systemd-network /run/systemd/netif
mount --bind "$1/etc/systemd/network" /etc/systemd/network
mount -t sysfs -o ro none /sys
for link in eth1 eth5; do
    ip link add $link type veth peer name peer-$link
    ip link set peer-$link up
done
SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info /lib/systemd/systemd-networkd 2>"$1/log" &
for _ in $(seq 600); do
    left=0
    for link in $2; do
        grep -qs 'ADMIN_STATE=configured' "/run/systemd/netif/links/$(cat "/sys/class/net/$link/ifindex")" || left=1
    done
    [ $left = 0 ] && grep -q 'Enumeration completed' "$1/log" && break
    sleep 0.1
done
printf '{"addresses": %s, "routes": %s, "routes6": %s}' "$(ip -j address)" "$(ip -j route)" "$(ip -j -6 route)"
kill $!
"""


def networkd_in(root: Path, *configured: str) -> Any:
    """Where it stands when it has configured these links."""
    command = ["unshare", "--net", "--mount", "sh", "-c", IN_NAMESPACE, "sh", root, " ".join(configured)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def complaints(root: Path) -> list[str]:
    return [line for line in (root / "log").read_text().splitlines() if line.startswith("/etc/systemd/network/")]


def test_networkd_takes_addresses_routes_and_mtu(node: Make, sample: Sample, write: Write) -> None:
    plain = replace(sample["plain"], name="eth5", mac=None)
    found = networkd_in(write(networkd.files(node(sample["second"], plain))), "eth1", "eth5")
    by_name = {link["ifname"]: link for link in found["addresses"]}
    held = {name: {f"{a['local']}/{a['prefixlen']}" for a in by_name[name]["addr_info"]} for name in ("eth1", "eth5")}
    assert held["eth1"] >= {"10.9.0.7/16"}
    assert held["eth5"] >= {"10.141.0.1/16", "fd00:141::1/64"}
    assert by_name["eth1"]["mtu"] == 9000
    defaults = {(one["gateway"], one["metric"]) for one in found["routes"] if one["dst"] == "default"}
    assert defaults == {("10.9.255.254", 100), ("10.141.255.254", 110)}
    assert [one["gateway"] for one in found["routes6"] if one["dst"] == "default"] == ["fd00:141::ff"]


@pytest.mark.parametrize("kinds", KINDS, ids="+".join)
def test_networkd_understands_every_line(node: Make, sample: Sample, write: Write, kinds: tuple[str, ...]) -> None:
    root = write(networkd.files(node(*(sample[kind] for kind in kinds))))
    networkd_in(root)
    assert "Enumeration completed" in (root / "log").read_text()
    assert complaints(root) == []


def test_the_check_would_see_a_line_that_networkd_ignores(node: Make, sample: Sample, write: Write) -> None:
    root = write(networkd.files(node(replace(sample["plain"], options="[Network]\nFrobnicate=yes"))))
    networkd_in(root)
    assert "Unknown key" in complaints(root)[0]


@pytest.mark.parametrize("kinds", KINDS, ids="+".join)
def test_netplan_accepts_it(node: Make, sample: Sample, write: Write, readers: Any, kinds: tuple[str, ...]) -> None:
    root = write(netplan.files(node(*(sample[kind] for kind in kinds))))
    readers.run("usr/libexec/netplan/generate", "--root-dir", root)
    generated = {path.name: path.read_text() for path in (root / "run/systemd/network").iterdir()}
    assert "10-netplan-boot0.network" in generated
    if kinds == ("plain", "second"):
        assert "Address=fd00:141::1/64" in generated["10-netplan-boot0.network"]
        assert "Gateway=10.141.255.254\nGatewayOnLink=true\nMetric=100" in generated["10-netplan-boot0.network"]
        assert "Metric=110" in generated["10-netplan-eth1.network"]
        assert "MTUBytes=9000" in generated["10-netplan-eth1.link"] + generated["10-netplan-eth1.network"]
    if "vlan" in kinds:
        assert "Mode=802.3ad" in generated["10-netplan-bond0.netdev"]
        assert "VLAN=vlan20" in generated["10-netplan-bond0.network"]
        assert "Bond=bond0" in generated["10-netplan-eth2.network"]
    if "tagged" in kinds:
        assert "Id=30" in generated["10-netplan-eth4.30.netdev"]
        assert "10.30.0.1" not in generated["10-netplan-eth4.network"]


def test_netplan_s_file_is_root_s_only(node: Make, sample: Sample) -> None:
    (file,) = (one for one in netplan.files(node(sample["plain"])) if "netplan" in one.path)
    assert file.mode == 0o600


def ifup(readers: Any, root: Path) -> str:
    """What ifupdown would do for every interface, as commands."""
    done = subprocess.run(
        [
            *(readers.root / "sbin/ifup", "--no-act", "--verbose", "--force", "--all", "--state-dir", root),
            *("--interfaces", root / "etc/network/interfaces"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("kinds", KINDS, ids="+".join)
def test_ifupdown_accepts_it(node: Make, sample: Sample, write: Write, readers: Any, kinds: tuple[str, ...]) -> None:
    root = write(ifupdown.files(node(*(sample[kind] for kind in kinds))))
    (root / "etc/network/interfaces.d").mkdir()
    said = ifup(readers, root)
    if kinds == ("plain", "second"):
        assert "ip addr add 10.141.0.1/255.255.0.0" in said
        assert "ip route add default via 10.141.255.254 metric 100 dev boot0" in said
        assert "ip -6 addr add fd00:141::1/64" in said
        assert "mtu 9000" in said
        assert "metric 110" in said
    if kinds[0] == "dhcp":
        assert "ip link set dev boot0 mtu 1400" in said
    if "bond" in kinds:
        members = (readers.run("sbin/ifquery", "--interfaces", root / "etc/network/interfaces", "bond0")).splitlines()
        assert "bond-slaves: eth2 eth3" in members
        assert said.index("bond0") < said.index("vlan20")
        assert "Configuring interface eth2" not in said


def test_bootif_s_route_is_preferred_wherever_it_stands(node: Make, sample: Sample) -> None:
    text = "".join(file.content for file in networkd.files(node(sample["second"], sample["plain"])))
    assert "Gateway=10.141.255.254\nGatewayOnLink=yes\nMetric=100" in text
    assert "Gateway=10.9.255.254\nGatewayOnLink=yes\nMetric=110" in text


def test_links_are_named_by_their_mac(node: Make, sample: Sample) -> None:
    files = {file.path: file.content for file in networkd.files(node(sample["plain"]))}
    link = files["/etc/systemd/network/10-luna-boot0.link"]
    assert "PermanentMACAddress=52:54:00:00:00:01" in link
    assert "Name=boot0" in link


@pytest.mark.parametrize("renderer", [networkd, netplan, ifupdown])
def test_the_bmc_s_address_is_not_the_operating_system_s(renderer: Any, node: Make, sample: Sample) -> None:
    text = "".join(file.content for file in renderer.files(node(sample["plain"])))
    assert "10.148" not in text


def test_what_can_t_be_is_refused_by_name(node: Make, sample: Sample) -> None:
    with pytest.raises(BadInput, match="node node001: interface eth9: type vlan needs both"):
        networkd.files(node(Interface(name="eth9", type="vlan", vlan=9)))
    with pytest.raises(BadInput, match="node node001: interface eth9: options: some were given; accepted are none"):
        netplan.files(node(Interface(name="eth9", options="wakeonlan: true")))


@pytest.mark.parametrize(
    ("files", "link", "written"),
    [
        ((), None, True),
        (("usr/lib/systemd/systemd-resolved",), "../run/systemd/resolve/stub-resolv.conf", False),
        (("usr/lib/systemd/systemd-resolved",), None, True),
        (("usr/lib/systemd/systemd-resolved", "usr/sbin/ifup"), "../run/systemd/resolve/stub-resolv.conf", True),
        (("usr/sbin/ifup", "usr/sbin/resolvconf"), "/etc/resolvconf/run/resolv.conf", False),
        (("usr/sbin/ifup",), None, True),
        (("usr/sbin/netplan", "usr/lib/systemd/systemd-resolved"), "/run/systemd/resolve/stub-resolv.conf", False),
    ],
)
def test_resolv_conf_is_written_where_nobody_else_does(
    node: Make, sample: Sample, tmp_path: Path, files: tuple[str, ...], link: str | None, written: bool
) -> None:
    for name in ("etc/resolv.conf", *files):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if link:
        (tmp_path / "etc/resolv.conf").unlink()
        (tmp_path / "etc/resolv.conf").symlink_to(link)
    found = Debian().network_files(node(sample["second"], sample["plain"]), tmp_path)
    contents = [file.content for file in found if file.path == "/etc/resolv.conf"]
    lines = ("# Written by luna.", "search cluster.test service.test example.org", "nameserver 10.141.255.254")
    expected = "\n".join([*lines, "nameserver 10.9.0.1\n"])
    assert contents == ([expected] if written else [])
