"""Which gateway is a node's default route, and when an address has a routing table of its own."""

from dataclasses import replace

import pytest

from luna_core.distro.links import default_routes, links
from luna_core.distro.routes import own_tables
from luna_core.testing.network_config import address, network, node_with
from luna_core.types import Interface, Network, Node

CAMPUS = network("campus")
BOOT = Interface(name="BOOTIF", addresses=(address("10.141.0.1/16", "10.141.255.254"),))


def with_campus(campus: Network) -> Node:
    eth1 = Interface(name="eth1", addresses=(address("10.8.0.7/16", "10.8.255.254"),))
    return node_with(eth1, Interface(name="eth2", addresses=(address("192.0.2.7/24", "192.0.2.1", campus),)), BOOT)


def by_preference(node: Node) -> list[str]:
    routes = [route for link in links(node) for route in default_routes(link)]
    return [str(one.gateway) for one, _ in sorted(routes, key=lambda route: route[1])]


@pytest.mark.parametrize(
    ("metric", "wanted"),
    [
        (100, ["10.141.255.254", "10.8.255.254", "192.0.2.1"]),
        (50, ["192.0.2.1", "10.141.255.254", "10.8.255.254"]),
        (200, ["10.141.255.254", "10.8.255.254", "192.0.2.1"]),
    ],
)
def test_networks_say_which_gateway_is_preferred(metric: int, wanted: list[str]) -> None:
    assert by_preference(with_campus(replace(CAMPUS, gateway_metric=metric))) == wanted


def test_the_networks_of_one_interface_are_sorted_too() -> None:
    preferred = replace(CAMPUS, gateway_metric=50)
    both = (*BOOT.addresses, address("192.0.2.7/24", "192.0.2.1", preferred))
    assert by_preference(node_with(replace(BOOT, addresses=both))) == ["192.0.2.1", "10.141.255.254"]


@pytest.mark.parametrize(
    ("others", "tables"),
    [
        ((), 0),
        ((Interface(name="eth1", addresses=(address("10.8.0.7/16"),)),), 0),
        ((Interface(name="eth1", addresses=(address("fd00:8::7/64", "fd00:8::ff"),)),), 0),
        ((Interface(name="eth1", addresses=(address("10.8.0.7/16", "10.8.255.254"),)),), 2),
        ((Interface(name="eth1", dhcp=True),), 1),
        ((Interface(name="eth1", dhcp=True, addresses=(address("10.8.0.7/16", "10.8.255.254"),)),), 2),
    ],
)
def test_addresses_have_tables_if_the_node_has_several_gateways(others: tuple[Interface, ...], tables: int) -> None:
    node = node_with(BOOT, *others)
    found = [number for link in links(node) for _, number in own_tables(node, link)]
    assert len(set(found)) == len(found) == tables
