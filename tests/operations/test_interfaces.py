"""MACs and addresses that an administrator gives, and what is refused."""

from ipaddress import ip_address
from typing import Any

import pytest

from luna_core.errors import AlreadyExists, BadInput
from luna_core.model import Cluster, Node, OtherDev, Switch
from luna_core.operations import interfaces

MAC = "52:54:00:00:00:01"


@pytest.fixture
def pair(cluster: Any) -> Any:
    """n1 with a MAC, and n2."""
    cluster.add(Node, "n1", group="compute", interfaces={"BOOTIF": {"mac": MAC}})
    cluster.add(Node, "n2", group="compute")
    return cluster


def set_mac(admin: Any, name: str, interface: str, mac: str | None, **options: bool) -> None:
    admin.luna.change(lambda work: interfaces.set_mac(work, name, interface, mac, **options), "set mac")


def set_address(admin: Any, name: str, interface: str, address: str) -> None:
    admin.luna.change(lambda work: interfaces.set_address(work, name, interface, ip_address(address)), "set address")


def macs(admin: Any, name: str) -> dict[str, str | None]:
    node = admin.luna.read(lambda work: work.get(Node, name))
    return {key: spec.mac for key, spec in node.interfaces.items()}


def test_a_mac_moves_only_when_told_to(pair: Any) -> None:
    with pytest.raises(AlreadyExists, match=f"node n2: the MAC {MAC} belongs to node n1; accepted is one that is free"):
        set_mac(pair, "n2", "BOOTIF", MAC)
    set_mac(pair, "n2", "BOOTIF", MAC.upper(), move=True)
    assert (macs(pair, "n1"), macs(pair, "n2")) == ({"BOOTIF": None}, {"BOOTIF": MAC})


def test_a_mac_moves_to_another_interface_of_its_node(pair: Any) -> None:
    with pytest.raises(BadInput, match=r"node n1: accepted is a MAC on one interface only"):
        set_mac(pair, "n1", "eth1", MAC)
    set_mac(pair, "n1", "eth1", MAC, move=True)
    assert macs(pair, "n1") == {"BOOTIF": None, "eth1": MAC}


def test_a_mac_of_a_switch_does_not_move(pair: Any) -> None:
    pair.add(Switch, "sw", addresses=[{"address": "10.148.255.1", "network": "ipmi", "mac": "52:54:00:00:00:99"}])
    with pytest.raises(AlreadyExists, match=r"node n2: the MAC 52:54:00:00:00:99 belongs to switch sw"):
        set_mac(pair, "n2", "BOOTIF", "52:54:00:00:00:99", move=True)


def test_taking_a_mac_away(pair: Any) -> None:
    set_mac(pair, "n1", "BOOTIF", None)
    assert macs(pair, "n1") == {"BOOTIF": None}
    with pytest.raises(BadInput, match=r"node n1: there is no interface 'BMCC'; .* Did you mean BMC\?"):
        set_mac(pair, "n1", "BMCC", None)


def test_two_nodes_of_one_change_cannot_share(pair: Any) -> None:
    def both(work: Any) -> None:
        for name in ("n1", "n2"):
            interfaces.set_mac(work, name, "eth1", "52:54:00:00:00:07")

    with pytest.raises(AlreadyExists, match=r"node n2: the MAC 52:54:00:00:00:07 is also given to node n1"):
        pair.luna.change(both, "")


def test_an_address_can_be_chosen(pair: Any) -> None:
    set_address(pair, "n1", "BOOTIF", "10.141.7.7")
    assert pair.addresses("n1") == {"BOOTIF": ["10.141.7.7"], "BMC": ["10.148.0.1"]}
    pair.add(Node, "n3", group="compute")
    assert pair.addresses("n3")["BOOTIF"] == ["10.141.0.1"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.141.0.2", r"node n1: the address 10.141.0.2 belongs to node n2"),
        ("10.150.0.1", r"node n1: interface BOOTIF: 10.150.0.1 was given; accepted is an address in 10.141.0.0/16"),
        ("10.141.0.0", r"10.141.0.0 was given; accepted is a host's address in network boot: 10.141.0.0/16"),
        ("10.141.255.255", r"10.141.255.255 was given; accepted is a host's address"),
        ("10.141.255.254", r"10.141.255.254 was given; it is the controller's own"),
        ("fd00::1", r"fd00::1 was given; accepted is an address in 10.141.0.0/16"),
    ],
)
def test_an_address_that_cannot_be_had(pair: Any, address: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        set_address(pair, "n1", "BOOTIF", address)
    assert pair.addresses("n1")["BOOTIF"] == ["10.141.0.1"]


def test_one_address_on_two_interfaces_of_a_node(pair: Any) -> None:
    pair.interface(Node, "n1", "eth1", "boot")
    with pytest.raises(BadInput, match=r"addresses.eth1: 10.141.0.1 was given; its interface BOOTIF has that"):
        set_address(pair, "n1", "eth1", "10.141.0.1")


def test_the_controller_cannot_take_a_nodes_address(pair: Any) -> None:
    with pytest.raises(BadInput, match=r"frontend_addresses: 10.141.0.2 was given; it belongs to node n2"):
        pair.change(Cluster, "cluster", frontend_addresses=["10.141.0.2"])
    with pytest.raises(BadInput, match=r"frontend_addresses: 10.141.0.0 was given; accepted is a host's address"):
        pair.change(Cluster, "cluster", frontend_addresses=["10.141.0.0"])


def test_devices_and_nodes_share_the_addresses_and_names(pair: Any) -> None:
    with pytest.raises(AlreadyExists, match=r"otherdev pdu: the address 10.148.0.1 belongs to node n1"):
        pair.add(OtherDev, "pdu", addresses=[{"address": "10.148.0.1", "network": "ipmi"}])
    with pytest.raises(AlreadyExists, match=r"otherdev n1: the host name n1 belongs to node n1"):
        pair.add(OtherDev, "n1")
    with pytest.raises(BadInput, match=r"otherdev controller: name: accepted is another"):
        pair.add(OtherDev, "controller")
    with pytest.raises(BadInput, match=r"otherdev pdu: addresses: 10.1.1.1 was given; accepted is a host's address in"):
        pair.add(OtherDev, "pdu", addresses=[{"address": "10.1.1.1", "network": "ipmi"}])


def test_a_nodes_port_is_its_own_and_no_uplink(pair: Any) -> None:
    pair.add(Switch, "sw", uplinks=["Te1/1/1"])
    pair.change(Node, "n1", switch="sw", port="Gi1/0/7")
    with pytest.raises(AlreadyExists, match=r"node n2: the switch port gi1/0/7 belongs to node n1"):
        pair.change(Node, "n2", switch="sw", port="gi1/0/7")
    with pytest.raises(
        BadInput, match=r"node n2: port: te1/1/1 was given; accepted is none of the uplinks of switch sw"
    ):
        pair.change(Node, "n2", switch="sw", port="te1/1/1")
    with pytest.raises(BadInput, match=r"node n1: port: Gi1/0/7 was given; accepted is none of the uplinks"):
        pair.change(Switch, "sw", uplinks=["gi1/0/7"])
