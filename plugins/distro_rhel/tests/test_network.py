"""Network configurations: keyfiles by NetworkManager itself in a network namespace, ifcfg files by a shell."""

import json
import os
import subprocess
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.run import run
from luna_core.testing import facts
from luna_core.types import Interface, Node
from luna_distro_rhel import ifcfg, keyfiles
from luna_distro_rhel.driver import Rhel

Make = Callable[..., Node]
Write = Callable[..., Path]
Sample = dict[str, Interface]
KINDS = (
    ("boot",),
    ("plain", "second"),
    ("dhcp", "second"),
    ("boot", "left", "right", "bond", "vlan"),
    ("plain", "tagged"),
    ("plain", "left", "bridge"),
    ("boot", "fabric"),
)
# Lets NetworkManager do what it does in an initramfs: configure everything without D-Bus, and end when that is done.
IN_NAMESPACE = """
set -e
mount -t tmpfs none /run
mkdir /run/NetworkManager /run/luna
cp -r "$1"/etc/NetworkManager/. /run/luna
mount -t tmpfs none /var/lib
mkdir /var/lib/NetworkManager
mount -t sysfs -o ro none /sys
for link in eth1 eth2 eth3 eth5; do
    ip link add $link type veth peer name peer-$link
    ip link set peer-$link up
done
printf '[keyfile]\\npath=/run/luna/system-connections\\n' > /run/luna/NetworkManager.conf
"$2/usr/sbin/NetworkManager" --debug --configure-and-quit=initrd --plugins keyfile --log-level INFO \
    --config /run/luna/NetworkManager.conf --config-dir /run/luna/conf.d > "$1/log" 2>&1
printf '{"addresses": %s, "routes": %s, "routes6": %s, "resolver": "%s"}' "$(ip -j -d address)" "$(ip -j route)" \
    "$(ip -j -6 route)" "$(tr '\\n' ';' < /run/NetworkManager/no-stub-resolv.conf)"
"""


def manager(readers: Path, root: Path) -> Any:
    """Where it stands when NetworkManager has configured what it could."""
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", IN_NAMESPACE, "sh", root, readers]
    libraries = str(next(readers.glob("usr/lib/*-linux-gnu")))
    done = subprocess.run(command, env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (root / "log").read_text()
    return json.loads(done.stdout)


def nmcli(readers: Path, profile: str) -> ConfigParser:
    """What NetworkManager's own reader of keyfiles made of a profile, written down by it again."""
    libraries = str(next(readers.glob("usr/lib/*-linux-gnu")))
    command = [readers / "usr/bin/nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes"]
    return parsed(run(command, stdin=profile, environment={"LD_LIBRARY_PATH": libraries}))


def parsed(profile: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.read_string(profile)
    return parser


def lost(readers: Path, node: Node) -> list[str]:
    """The lines of a node's profiles that NetworkManager doesn't understand as they are meant."""
    files = [file for file in keyfiles.files(node) if file.path.endswith(".nmconnection")]
    found = []
    for file in files:
        understood, written = nmcli(readers, file.content), parsed(file.content)
        for section in written.sections():
            assert understood.has_section(section), (file.path, section)
            found += [
                f"{key}={value}" for key, value in written[section].items() if understood[section].get(key) != value
            ]
    return found


def test_networkmanager_takes_addresses_routes_names_and_mtu(
    node: Make, sample: Sample, write: Write, readers: Path
) -> None:
    root = write(keyfiles.files(node(sample["plain"], sample["second"])))
    found = manager(readers, root)
    by_name = {link["ifname"]: link for link in found["addresses"]}
    held = {name: {f"{a['local']}/{a['prefixlen']}" for a in by_name[name]["addr_info"]} for name in ("eth1", "eth5")}
    assert held["eth1"] >= {"10.9.0.7/16"}
    assert held["eth5"] >= {"10.141.0.1/16", "fd00:141::1/64"}
    assert by_name["eth1"]["mtu"] == 9000
    defaults = {(one["gateway"], one["metric"]) for one in found["routes"] if one["dst"] == "default"}
    assert defaults == {("10.141.255.254", 100), ("10.9.255.254", 110)}
    sixth = {(one["gateway"], one["metric"]) for one in found["routes6"] if one["dst"] == "default"}
    assert sixth == {("fd00:141::ff", 100)}
    lines = [line for line in found["resolver"].split(";") if line.startswith(("search", "nameserver"))]
    assert lines[:2] == ["search cluster.test example.org service.test", "nameserver 10.141.255.254"]
    assert "nameserver 10.9.0.1" in lines
    # A card that luna knows nothing of is left alone.
    assert not by_name["eth2"]["addr_info"]


def test_networkmanager_makes_bridges(node: Make, sample: Sample, write: Write, readers: Path) -> None:
    """Bonds and VLANs it would make as well, but not every kernel that tests run on has them."""
    found = manager(readers, write(keyfiles.files(node(sample["left"], sample["bridge"]))))
    by_name = {link["ifname"]: link for link in found["addresses"]}
    assert by_name["eth2"]["master"] == "br0"
    assert [one["local"] for one in by_name["br0"]["addr_info"] if one["family"] == "inet"] == ["10.40.0.1"]


@pytest.mark.parametrize("kinds", KINDS, ids="+".join)
def test_networkmanager_understands_every_line(
    node: Make, sample: Sample, readers: Path, kinds: tuple[str, ...]
) -> None:
    assert lost(readers, node(*(sample[kind] for kind in kinds))) == []


def test_bonds_and_vlans_are_tied_to_their_links(node: Make, sample: Sample, readers: Path) -> None:
    interfaces = (
        *(sample[kind] for kind in ("left", "right", "bond", "vlan")),
        replace(sample["tagged"], name="BOOTIF"),
    )
    files = {Path(file.path).stem: file.content for file in keyfiles.files(node(*interfaces))}
    read = {name: nmcli(readers, text) for name, text in files.items() if name.startswith("luna-")}
    assert {read[f"luna-{name}"]["connection"]["master"] for name in ("eth2", "eth3")} == {"bond0"}
    assert read["luna-bond0"]["bond"]["mode"] == "802.3ad"
    assert dict(read["luna-vlan20"]["vlan"])["parent"] == "bond0"
    assert (read["luna-boot0.30"]["vlan"]["id"], read["luna-boot0.30"]["vlan"]["parent"]) == ("30", "boot0")
    assert "10.30.0.1" not in files["luna-boot0"]


def test_the_check_would_see_a_line_that_networkmanager_ignores(node: Make, sample: Sample, readers: Path) -> None:
    assert lost(readers, node(replace(sample["plain"], options="[ipv4]\nfrobnicate=yes"))) == ["frobnicate=yes"]


def test_profiles_are_root_s_only_and_the_same_at_each_boot(node: Make, sample: Sample) -> None:
    files = [file for file in keyfiles.files(node(sample["boot"])) if "system-connections" in file.path]
    assert [file.mode for file in files] == [0o600]
    assert files == [file for file in keyfiles.files(node(sample["boot"])) if "system-connections" in file.path]
    assert "mac-address=52:54:00:00:00:01" in files[0].content


@pytest.mark.parametrize("renderer", [keyfiles, ifcfg])
def test_the_bmc_s_address_is_not_the_operating_system_s(renderer: Any, node: Make, sample: Sample) -> None:
    assert "10.148" not in "".join(file.content for file in renderer.files(node(sample["plain"])))
    with pytest.raises(BadInput, match="node node001: interface eth9: type vlan needs both"):
        renderer.files(node(Interface(name="eth9", type="vlan", vlan=9)))


def sourced(root: Path, name: str) -> dict[str, str]:
    """What the network scripts see of a file: they let a shell read it."""
    file = root / f"etc/sysconfig/network-scripts/ifcfg-{name}"
    lines = run(["env", "-i", "sh", "-c", 'set -a; . "$1"; env', "sh", file]).splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines) if key not in ("PWD", "_", "SHLVL")}


def test_the_old_scripts_get_their_files(node: Make, sample: Sample, write: Write) -> None:
    kinds = ("plain", "second", "left", "right", "bond", "vlan", "dhcp")
    root = write(ifcfg.files(node(*(sample[kind] for kind in kinds))))
    plain, bond, vlan = (sourced(root, name) for name in ("eth5", "bond0", "vlan20"))
    assert (plain["IPADDR0"], plain["PREFIX0"], plain["GATEWAY"]) == ("10.141.0.1", "16", "10.141.255.254")
    assert (plain["IPV6ADDR"], plain["IPV6_DEFAULTGW"], plain["IPV6_AUTOCONF"]) == (
        "fd00:141::1/64",
        "fd00:141::ff",
        "no",
    )
    assert sourced(root, "eth1")["MTU"] == "9000"
    assert bond["BONDING_OPTS"] == "mode=802.3ad miimon=100"
    assert (sourced(root, "eth2")["MASTER"], sourced(root, "eth2")["SLAVE"]) == ("bond0", "yes")
    assert (vlan["VLAN"], vlan["PHYSDEV"], vlan["VLAN_ID"]) == ("yes", "bond0", "20")
    boot = sourced(root, "boot0")
    assert (boot["BOOTPROTO"], boot["HWADDR"], boot["MTU"]) == ("dhcp", "52:54:00:00:00:01", "1400")
    assert "nameserver 10.141.255.254" in (root / "etc/resolv.conf").read_text()


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
