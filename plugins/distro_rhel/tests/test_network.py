"""Which files a tree gets, and ifcfg files, which a shell reads here; keyfiles: test_network_contract.py."""

import json
from configparser import ConfigParser
from pathlib import Path

import pytest

from luna_core.distro import keyfiles
from luna_core.distro.links import links
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.network_config import infiniband_cards, node_with, samples, write_files
from luna_core.types import Interface
from luna_distro_rhel import ifcfg
from luna_distro_rhel.driver import Rhel


@pytest.mark.parametrize("fabric", infiniband_cards(), ids=("datagram", "connected"))
def test_networkmanager_understands_every_line_of_infiniband(readers: Path, fabric: Interface) -> None:
    """Its own reader says by nmcli(1) what it made of a profile; no card is here to try it."""
    (file,) = (one for one in keyfiles.files(node_with(fabric)) if one.path.endswith(".nmconnection"))
    command: list[str | Path] = [
        readers / "usr/bin/nmcli",
        "--offline",
        "connection",
        "modify",
        "connection.autoconnect",
        "yes",
    ]
    libraries = str(next(readers.glob("usr/lib/*-linux-gnu")))
    said = run(command, stdin=file.content, environment={"LD_LIBRARY_PATH": libraries})
    understood, written = (ConfigParser(interpolation=None, strict=False, delimiters=("=",)) for _ in range(2))
    understood.read_string(said)
    written.read_string(file.content)
    for section in written.sections():
        assert dict(understood[section]).items() >= dict(written[section]).items()


def test_profiles_are_root_s_only_and_the_same_at_each_boot() -> None:
    node = node_with(*samples()["an_address_and_a_card_without"].interfaces[:1])
    files = [file for file in keyfiles.files(node) if "system-connections" in file.path]
    assert [file.mode for file in files] == [0o600]
    assert files == [file for file in keyfiles.files(node) if "system-connections" in file.path]
    assert "mac-address=52:54:00:00:00:01" in files[0].content


def sourced(root: Path, name: str) -> dict[str, str]:
    """What the network scripts see of a file: they let a shell read it."""
    file = root / f"etc/sysconfig/network-scripts/ifcfg-{name}"
    lines = run(["env", "-i", "sh", "-c", 'set -a; . "$1"; env', "sh", file]).splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines) if key not in ("PWD", "_", "SHLVL")}


def test_the_old_scripts_get_their_files(tmp_path: Path) -> None:
    known = samples()
    chosen = ("two_families_though_a_router_advertises", "a_bond_and_its_vlan")
    boot = Interface(name="BOOTIF", mac="52:54:00:00:00:01", dhcp=True, mtu=1400)
    node = node_with(boot, *(interface for name in chosen for interface in known[name].interfaces))
    root = write_files(tmp_path / "root", ifcfg.files(node))
    both, bond, vlan = (sourced(root, name) for name in ("eth1", "bond0", "vlan20"))
    assert (both["IPADDR0"], both["PREFIX0"]) == ("10.9.0.7", "16")
    assert (both["IPV6ADDR"], both["IPV6_AUTOCONF"]) == ("fd00:9::7/64", "no")
    assert (bond["BONDING_OPTS"], bond["MTU"]) == ("mode=802.3ad miimon=100", "9000")
    assert (sourced(root, "eth2")["MASTER"], sourced(root, "eth2")["SLAVE"]) == ("bond0", "yes")
    assert (vlan["VLAN"], vlan["PHYSDEV"], vlan["VLAN_ID"]) == ("yes", "bond0", "20")
    started = sourced(root, "boot0")
    assert (started["BOOTPROTO"], started["HWADDR"], started["MTU"]) == ("dhcp", "52:54:00:00:00:01", "1400")
    assert "nameserver 10.9.0.53" in (root / "etc/resolv.conf").read_text()


# What RHEL's ifup-routes does with these files; none of RHEL is here.
IFUP_ROUTES = """
for file in route* rule*; do
    kind=${file%%-*}
    case $kind in *6) family=-6 ;; *) family=-4 ;; esac
    grep -v '^#' "$file" | while read -r line; do ip $family "${kind%6}" add $line; done
done
"""


def test_the_old_scripts_lines_give_each_address_its_own_gateway(tmp_path: Path) -> None:
    node = node_with(*samples()["three_gateways"].interfaces)
    root = write_files(tmp_path / "root", ifcfg.files(node))
    own = [(link.name, one) for link in links(node) for one in link.interface.addresses]
    far = {4: "192.0.2.1", 6: "2001:db8::1"}
    commands = [
        *(
            f"ip link add {name} type veth peer name to-{name} && ip link set to-{name} up"
            for name in ("boot0", "eth1")
        ),
        *(f"ip address add {one.address} dev {name} nodad && ip link set {name} up" for name, one in own),
        IFUP_ROUTES,
        *(f"ip -j route get {far[one.address.version]} from {one.address.ip}; echo" for _, one in own),
    ]
    scripts = root / "etc/sysconfig/network-scripts"
    said = run(["unshare", "--net", "sh", "-euc", "\n".join(commands)], directory=scripts)
    ways = [json.loads(line)[0] for line in said.splitlines() if line.startswith("[{")]
    assert [(one["dev"], one["from"], one["gateway"]) for one in ways] == [
        (name, str(one.address.ip), str(one.gateway)) for name, one in own
    ]
    assert (scripts / "route-eth1").read_text().count(" metric ") == 2


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        (("usr/sbin/NetworkManager",), "nmconnection"),
        (("etc/sysconfig/network-scripts/ifup",), "ifcfg-"),
        (("usr/sbin/NetworkManager", "etc/sysconfig/network-scripts/ifup"), "nmconnection"),
    ],
)
def test_the_tree_decides_which(tmp_path: Path, present: tuple[str, ...], kind: str) -> None:
    for name in present:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    paths = [file.path for file in Rhel().network_files(facts.node(), tmp_path)]
    assert [kind in path for path in paths if "nmconnection" in path or "ifcfg-" in path] == [True]
