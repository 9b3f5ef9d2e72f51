from ipaddress import ip_address
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.model import Network, Subnet


def subnet(**fields: Any) -> Subnet:
    return Network.new(name="n", subnets=[fields]).subnets[0]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"gateway": "10.1.0.1"}, "gateway .*10.0.0.0/24, not 10.1.0.1"),
        ({"gateway": "fd00::1"}, "gateway .*10.0.0.0/24, not fd00::1"),
        ({"gateway": "10.0.0.0"}, "gateway .*not 10.0.0.0"),
        ({"gateway": "10.0.0.255"}, "gateway .*not 10.0.0.255"),
        ({"dhcp_range": {"first": "10.0.0.9", "last": "10.0.1.9"}}, "dhcp_range .*not 10.0.1.9"),
        ({"dhcp_range": {"first": "10.0.0.9", "last": "10.0.0.1"}}, "first address 10.0.0.9 comes before .*10.0.0.1"),
        ({"dhcp_range": {"first": "10.0.0.1", "last": "fd00::1"}}, "first address 10.0.0.1 comes before .*fd00::1"),
        ({"dhcp_range": {"first": "10.0.0.1", "last": "10.0.0.9"}, "gateway": "10.0.0.5"}, "without the gateway"),
        ({"reserved": [{"first": "10.0.0.1", "last": "10.0.1.0"}]}, "reserved .*not 10.0.0.1-10.0.1.0"),
    ],
)
def test_what_belongs_to_a_subnet_is_inside(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=f"network n: subnets.0.*: accepted .*{why}"):
        subnet(network="10.0.0.0/24", **fields)


def test_one_subnet_of_each_family() -> None:
    both = [{"network": "10.0.0.0/24"}, {"network": "fd00::/64"}]
    assert [one.family for one in Network.new(name="n", subnets=both).subnets] == [4, 6]
    with pytest.raises(BadInput, match=r"at most one is IPv4 and one IPv6, not 10.0.0.0/24, 10.0.1.0/24"):
        Network.new(name="n", subnets=[{"network": "10.0.0.0/24"}, {"network": "10.0.1.0/24"}])


def test_ipv6_needs_its_smallest_mtu() -> None:
    assert Network.new(name="n", mtu=1200, subnets=[{"network": "10.0.0.0/24"}]).mtu == 1200
    with pytest.raises(BadInput, match=r"at least 1280 .*RFC 8200.*, not 1200"):
        Network.new(name="n", mtu=1200, subnets=[{"network": "fd00::/64"}])


@pytest.mark.parametrize(
    ("network", "usable", "unusable"),
    [
        ("10.0.0.0/24", ["10.0.0.1", "10.0.0.254"], ["10.0.0.0", "10.0.0.255", "10.0.1.1", "fd00::1"]),
        ("10.0.0.0/31", ["10.0.0.0", "10.0.0.1"], ["10.0.0.2"]),
        ("10.0.0.7/32", ["10.0.0.7"], ["10.0.0.8"]),
        ("fd00::/64", ["fd00::1", "fd00::ffff:ffff:ffff:ffff"], ["fd00::", "10.0.0.1"]),
        ("fd00::/127", ["fd00::", "fd00::1"], []),
    ],
)
def test_which_addresses_a_host_can_have(network: str, usable: list[str], unusable: list[str]) -> None:
    one = subnet(network=network)
    assert [address for address in (*usable, *unusable) if one.is_usable(ip_address(address))] == usable


def test_the_zone_is_the_networks_name_unless_it_has_a_domain() -> None:
    assert Network.new(name="My_Net").zone == "my-net"
    assert Network.new(name="My_Net", domain="hpc.example.org").zone == "hpc.example.org"


@pytest.mark.parametrize(
    "record",
    [
        {"name": "a b", "type": "A", "value": "10.0.0.1"},
        {"name": "a", "type": "SOA", "value": "x"},
        {"name": "a", "type": "TXT", "value": "two\nlines"},
        {"name": "a", "type": "TXT", "value": ""},
    ],
)
def test_an_extra_record_is_one_line_of_a_known_type(record: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=r"network n: records.0\.(name|type|value): "):
        Network.new(name="n", records=[record])
