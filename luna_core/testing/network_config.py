"""For tests of a distro's network files: nodes with interfaces of any kind, and what a kernel is to say then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

from luna_core.testing import facts
from luna_core.types import Interface, InterfaceAddress, Network, Node, NodeFile

BOOT_MAC = "52:54:00:00:00:01"


@dataclass(frozen=True)
class Sample:
    """Interfaces, and what the node's kernel and resolver say when they are up, as `network_machine` words it.

    With `router`, somebody in the network of eth1 advertises addresses that luna has not given.
    """

    interfaces: tuple[Interface, ...]
    expected: str
    router: bool = False

    def lines(self) -> list[str]:
        """What is expected, sorted."""
        return sorted(set(self.expected.replace("  ", "").splitlines()) - {""})


def network(name: str, *, vlan: int | None = None, servers: Sequence[str] = ()) -> Network:
    """A network with these nameservers, whose domain is called after it."""
    return Network(name=name, domain=f"{name}.test", vlan=vlan, nameservers=tuple(ip_address(one) for one in servers))


def address(text: str, gateway: str | None = None, of: Network | None = None) -> InterfaceAddress:
    """An address with its prefix length; it is of the network `cluster` if no other is given."""
    return InterfaceAddress(
        network=of or network("cluster", servers=("10.141.255.254",)),
        address=ip_interface(text),
        gateway=ip_address(gateway) if gateway else None,
    )


def node_with(*interfaces: Interface) -> Node:
    """A node with these interfaces, and a BMC that is nobody's business."""
    bmc = Interface(name="BMC", type="bmc", addresses=(address("10.148.0.1/16", "10.148.255.254", network("ipmi")),))
    return replace(facts.node(), interfaces=(bmc, *interfaces))


def write_files(root: Path, files: Iterable[NodeFile]) -> Path:
    """Write files below `root`, which is made, and return it."""
    for file in files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)
    return root


_CARDS = tuple(Interface(name=f"eth{number}") for number in range(5))
_BOOT = Interface(name="BOOTIF", mac=BOOT_MAC, addresses=(address("10.141.0.1/16", "10.141.255.254"),))
_PLAIN = """
    boot0 has 10.141.0.1/16
    default by 10.141.255.254 on boot0, metric 100
    asks 10.141.255.254
    searches cluster.test
    searches example.org
    """


def samples() -> dict[str, Sample]:
    """Nodes by what is to be seen of them. Only BOOTIF has a MAC of its own; the other cards are found by name."""
    return _of_cards() | _of_gateways() | _of_bonds() | _of_networks()


def _of_cards() -> dict[str, Sample]:
    both = network("both", servers=("10.9.0.53", "fd00:9::53"))
    both_families = (address("10.9.0.7/16", "10.9.255.254", both), address("fd00:9::7/64", "fd00:9::ff", both))
    return {
        "an_address_and_a_card_without": Sample((_BOOT, _CARDS[4]), _PLAIN + "eth4 is up"),
        "two_families_though_a_router_advertises": Sample(
            (replace(_CARDS[1], addresses=both_families),),
            """
            eth1 has 10.9.0.7/16
            eth1 has fd00:9::7/64
            default by 10.9.255.254 on eth1, metric 100
            default by fd00:9::ff on eth1, metric 100
            asks 10.9.0.53
            asks fd00:9::53
            searches both.test
            searches example.org
            """,
            router=True,
        ),
    }


def _of_gateways() -> dict[str, Sample]:
    service, storage = network("service", servers=("10.9.0.53",)), network("storage", servers=("10.8.0.53",))
    two_networks = (address("10.9.0.7/16", "10.9.255.254", service), address("10.8.0.7/16", "10.8.255.254", storage))
    sixth = (address("fd00:141::1/64", "fd00:141::ff"), address("fd00:9::7/64", "fd00:9::ff", service))
    ways_out = (
        replace(_CARDS[1], addresses=(*two_networks, sixth[1])),
        replace(_BOOT, addresses=(*_BOOT.addresses, sixth[0])),
    )
    return {
        "three_gateways": Sample(
            ways_out,
            f"""
            {_PLAIN}
            boot0 has fd00:141::1/64
            eth1 has 10.9.0.7/16
            eth1 has 10.8.0.7/16
            eth1 has fd00:9::7/64
            default by 10.9.255.254 on eth1, metric 110
            default by 10.8.255.254 on eth1, metric 111
            default by fd00:141::ff on boot0, metric 100
            default by fd00:9::ff on eth1, metric 110
            10.141.0.1 answers others by 10.141.255.254 on boot0
            10.9.0.7 answers others by 10.9.255.254 on eth1
            10.8.0.7 answers others by 10.8.255.254 on eth1
            fd00:141::1 answers others by fd00:141::ff on boot0
            fd00:9::7 answers others by fd00:9::ff on eth1
            asks 10.9.0.53
            asks 10.8.0.53
            searches service.test
            searches storage.test
            """,
        ),
    }


def _of_bonds() -> dict[str, Sample]:
    bond = Interface(name="bond0", type="bond", members=("eth2", "eth3"))
    return {
        "a_bond_and_its_vlan": Sample(
            (
                *(_CARDS[2], _CARDS[3], replace(bond, bond_mode="802.3ad", mtu=9000)),
                Interface(
                    name="vlan20", type="vlan", vlan=20, parent="bond0", addresses=(address("10.20.0.1/16"),), mtu=8000
                ),
            ),
            """
            bond0 is a bond, 802.3ad, watched every 100 ms
            eth2 is in bond0
            eth3 is in bond0
            bond0 has MTU 9000
            eth2 has MTU 9000
            eth3 has MTU 9000
            vlan20 is VLAN 20 of bond0
            vlan20 has MTU 8000
            vlan20 has 10.20.0.1/16
            asks 10.141.255.254
            searches cluster.test
            searches example.org
            """,
        ),
        "a_bridge_on_a_bond": Sample(
            (
                *(_CARDS[2], _CARDS[3], bond, replace(_CARDS[4], mtu=9000)),
                Interface(name="br0", type="bridge", members=("bond0", "eth4"), addresses=(address("10.40.0.1/16"),)),
            ),
            """
            bond0 is a bond, active-backup, watched every 100 ms
            eth2 is in bond0
            eth3 is in bond0
            br0 is a bridge without STP
            bond0 is in br0
            eth4 is in br0
            eth4 has MTU 9000
            br0 has 10.40.0.1/16
            asks 10.141.255.254
            searches cluster.test
            searches example.org
            """,
        ),
    }


def _of_networks() -> dict[str, Sample]:
    tagged = network("tagged", vlan=30)
    return {
        "a_network_with_a_tag": Sample(
            (_BOOT, replace(_CARDS[1], addresses=(address("10.30.0.1/16", "10.30.255.254", tagged),), mtu=9000)),
            f"""
            {_PLAIN}
            eth1 is up
            eth1 has MTU 9000
            eth1.30 is VLAN 30 of eth1
            eth1.30 has MTU 9000
            eth1.30 has 10.30.0.1/16
            default by 10.30.255.254 on eth1.30, metric 120
            10.141.0.1 answers others by 10.141.255.254 on boot0
            10.30.0.1 answers others by 10.30.255.254 on eth1.30
            searches tagged.test
            """,
        ),
        "dhcp": Sample(
            (_BOOT, replace(_CARDS[1], dhcp=True, mtu=1400)),
            f"""
            {_PLAIN}
            eth1 has MTU 1400
            eth1 has 10.9.0.77/16
            default by 10.9.255.254 on eth1, metric 110
            10.141.0.1 answers others by 10.141.255.254 on boot0
            """,
        ),
    }


def infiniband_cards() -> list[Interface]:
    """A card in each mode, with the largest MTU that the mode takes."""
    fabric = Interface(name="ib0", type="infiniband", addresses=(address("10.50.0.1/16"),))
    return [
        replace(fabric, infiniband_mode="datagram", mtu=4092),
        replace(fabric, infiniband_mode="connected", mtu=65520),
    ]


def with_options(options: str) -> Sample:
    """A card whose free options say in the language of the files that its MTU is 1400."""
    card = Interface(name="eth1", addresses=(address("10.9.0.7/16", of=network("service")),), options=options)
    return Sample((card,), "eth1 has MTU 1400\neth1 has 10.9.0.7/16\nsearches service.test\nsearches example.org")
