from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from luna_core.errors import BadInput
from luna_core.testing import facts
from luna_core.types import DnsRecord, Network, NetworkPlan, Subnet
from luna_dns_bind.reverse import Enclosing, reverse_zones, zone_name
from luna_dns_bind.zones import Zone, zones


@pytest.mark.parametrize(
    ("network", "count", "first", "last"),
    [
        ("10.0.0.0/8", 1, "10.in-addr.arpa", "10.in-addr.arpa"),
        ("10.141.0.0/16", 1, "141.10.in-addr.arpa", "141.10.in-addr.arpa"),
        ("10.141.32.0/19", 32, "32.141.10.in-addr.arpa", "63.141.10.in-addr.arpa"),
        ("10.128.0.0/9", 128, "128.10.in-addr.arpa", "255.10.in-addr.arpa"),
        ("10.141.7.0/24", 1, "7.141.10.in-addr.arpa", "7.141.10.in-addr.arpa"),
        ("10.141.7.128/25", 1, "7.141.10.in-addr.arpa", "7.141.10.in-addr.arpa"),
        ("fd00:141::/64", 1, "0.0.0.0.0.0.0.0.1.4.1.0.0.0.d.f.ip6.arpa", "0.0.0.0.0.0.0.0.1.4.1.0.0.0.d.f.ip6.arpa"),
        ("fd00:141::/63", 2, "0.0.0.0.0.0.0.0.1.4.1.0.0.0.d.f.ip6.arpa", "1.0.0.0.0.0.0.0.1.4.1.0.0.0.d.f.ip6.arpa"),
        ("fd00::/32", 1, "0.0.0.0.0.0.d.f.ip6.arpa", "0.0.0.0.0.0.d.f.ip6.arpa"),
    ],
)
def test_reverse_zones_cover_a_network_and_no_neighbour(network: str, count: int, first: str, last: str) -> None:
    found = reverse_zones([ip_network(network)])
    assert (len(found), zone_name(found[0]), zone_name(found[-1])) == (count, first, last)


def test_an_address_is_in_the_smallest_zone_around_it() -> None:
    wide, narrow = ip_network("10.0.0.0/8"), ip_network("10.141.0.0/16")
    zones = Enclosing([wide, narrow])
    assert zones.of(ip_address("10.141.0.1")) == narrow
    assert zones.of(ip_address("10.142.0.1")) == wide
    assert zones.of(ip_address("192.0.2.1")) is None


def zone(name: str, plan: NetworkPlan) -> Zone:
    return next(one for one in zones(plan) if one.name == name)


def test_two_networks_of_one_half_octet_each_share_a_zone() -> None:
    halves = tuple(
        Network(name=name, domain=name, subnets=(Subnet(network=ip_network(subnet)),))
        for name, subnet in (("low", "10.0.0.0/25"), ("high", "10.0.0.128/25"))
    )
    names = [one.name for one in zones(NetworkPlan(cluster=facts.cluster(), networks=halves, hosts=()))]
    assert names == ["high", "low", "0.0.10.in-addr.arpa"]


def test_records_keep_to_their_line_and_their_zone() -> None:
    records = (
        DnsRecord(zone="cluster", name="@", type="txt", value='"a; b" (c'.replace(" (c", "")),
        DnsRecord(zone="cluster", name="_ldap._tcp", type="SRV", value="0 0 389 node001"),
        DnsRecord(zone="cluster", name="www", type="CNAME", value="node001.ipmi."),
    )
    assert zone("cluster", replace(facts.plan(), records=records)).records[-3:] == (
        'cluster. TXT "a; b"',
        "_ldap._tcp.cluster. SRV 0 0 389 node001.cluster.",
        "www.cluster. CNAME node001.ipmi.",
    )


@pytest.mark.parametrize(
    "record",
    [
        DnsRecord(zone="nowhere", name="www", type="A", value="10.0.0.1"),
        DnsRecord(zone="cluster", name="www.elsewhere.", type="A", value="10.0.0.1"),
        DnsRecord(zone="cluster", name="@", type="SOA", value="a. b. 1 2 3 4 5"),
        DnsRecord(zone="cluster", name="www", type="TXT", value="(open"),
    ],
)
def test_a_record_outside_its_zone_or_its_form_is_refused(record: DnsRecord) -> None:
    with pytest.raises(BadInput, match="accepted"):
        list(zones(replace(facts.plan(), records=(record,))))
