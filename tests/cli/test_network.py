"""Networks on the command line: subnets, ranges, usage, renumbering, records."""

from collections.abc import Callable
from typing import Any

import pytest

Luna = Callable[..., Any]


def test_a_network_has_a_subnet_of_each_family(luna: Luna) -> None:
    luna("cluster", "init", "--frontend-address", "10.1.255.254")
    done = luna(
        "network add dual --network 10.1.0.0/16 --network fd00:1::/64 --gateway 10.1.0.1 --gateway fd00:1::1 "
        "--dhcp 10.1.9.1-10.1.9.9 --dhcp fd00:1::100-fd00:1::1ff --mtu 9000 --vlan 7"
    )
    assert done.status == 0, done.err
    shown = luna("network", "show", "dual", "-o", "json").json
    four, six = shown["subnets"]
    assert (four["network"], four["gateway"]) == ("10.1.0.0/16", "10.1.0.1")
    assert six["dhcp_range"] == {"first": "fd00:1::100", "last": "fd00:1::1ff", "comment": ""}
    assert luna("network", "next", "dual").out.split() == ["10.1.0.2", "fd00:1::2"]
    row = luna("network", "list").out.splitlines()[1]
    assert "10.1.0.0/16,fd00:1::/64" in row
    assert "10.1.9.1-10.1.9.9" in row


def test_usage_counts_every_address_once(cluster: Luna) -> None:
    (usage,) = cluster("network", "show", "cluster", "-o", "json").json["usage"]
    # Four nodes and the controller; the gateway and 12 x 256 + 255 addresses for DHCP; network and broadcast address.
    assert (usage["used"], usage["held_back"]) == (5, 3328)
    assert usage["free"] == 65536 - 5 - 3328 - 2


def test_show_says_who_has_which_address(cluster: Luna) -> None:
    assert cluster("network", "reserve", "cluster", "10.141.0.100-10.141.0.199", "--comment", "guests").status == 0
    shown = cluster("network", "show", "cluster", "-r", "-o", "json").json
    owners = {one["addresses"]: one["owner"] for one in shown["taken"]}
    assert owners["10.141.0.1"] == "node node001"
    assert owners["10.141.0.100-10.141.0.199"] == "reserved guests"
    assert owners["10.141.255.254"] == "controller"
    assert "node node001" in cluster("network", "show", "cluster", "-r").out


def test_reserved_addresses_are_not_handed_out_until_released(cluster: Luna) -> None:
    cluster("network", "reserve", "cluster", "10.141.0.5-10.141.0.9")
    assert cluster("network", "next", "cluster").out == "10.141.0.10\n"
    cluster("network", "release", "cluster", "10.141.0.7")
    assert cluster("network", "next", "cluster").out == "10.141.0.7\n"
    refused = cluster("network", "reserve", "cluster", "10.141.0.2")
    assert refused.status == 2


def test_whoever_renumbers_the_boot_network_is_told_of_the_controller_s_own_address(cluster: Luna) -> None:
    told = "10.141.255.254 was in network cluster, and is in none now"
    assert told in cluster("network", "change", "cluster", "--network", "10.200.0.0/16", "--dry-run").err
    assert told in cluster("network", "change", "cluster", "--network", "10.200.0.0/16").err
    assert cluster("network", "change", "ipmi", "--network", "10.201.0.0/16").err == ""
    assert cluster("cluster", "change", "--frontend-address", "10.200.255.254").err == ""
    assert cluster("network", "change", "cluster", "--mtu", "9000").err == ""


def test_dry_run_shows_every_address_that_renumbering_moves(cluster: Luna) -> None:
    shown = cluster("network", "change", "cluster", "--network", "10.200.0.0/16", "--dry-run").out
    for number in range(1, 5):
        assert f"ipv4: 10.141.0.{number} → 10.200.0.{number}" in shown
    assert "subnets.ipv4.gateway: 10.141.255.253 → 10.200.255.253" in shown
    nodes = cluster("node", "list", "-o", "json").json
    assert nodes[0]["addresses"]["BOOTIF"] == ["10.141.0.1"]
    cluster("network", "change", "cluster", "--network", "10.200.0.0/16")
    nodes = cluster("node", "list", "-o", "json").json
    assert nodes[0]["addresses"]["BOOTIF"] == ["10.200.0.1"]


def test_gateway_and_dhcp_range_can_go(cluster: Luna) -> None:
    cluster("network", "change", "cluster", "--no-dhcp", "--no-gateway", "--mtu", "9000")
    shown = cluster("network", "show", "cluster", "-o", "json").json
    (subnet,) = shown["subnets"]
    assert (subnet["gateway"], subnet["dhcp_range"], shown["mtu"]) == (None, None, 9000)


def test_records_are_added_listed_and_removed(cluster: Luna) -> None:
    assert "no extra records" in cluster("network", "record", "list", "cluster").err
    assert cluster("network", "record", "add", "cluster", "www", "cname", "node001").status == 0
    assert cluster("network", "record", "add", "cluster", "@", "TXT", '"some text"').status == 0
    assert cluster("network", "record", "add", "cluster", "@", "TXT", '"some text"').status == 2
    records = cluster("network", "record", "list", "cluster", "-o", "json").json
    assert records[0] == {"name": "www", "type": "CNAME", "value": "node001"}
    assert cluster("network", "record", "remove", "cluster", "www", "A").status == 2
    assert cluster("network", "record", "remove", "cluster", "www").status == 0
    assert len(cluster("network", "record", "list", "cluster", "-o", "json").json) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add other --network 10.141.9.0/24", "overlaps"),
        ("add other --network 10.9.0.1/16", "10.9.0.0/16"),
        ("add other --network 10.9.0.0/16 --gateway 10.8.0.1", "gateway"),
        ("add other --gateway 10.8.0.1", "--network"),
        ("add other --network 10.9.0.0/16 --network 10.10.0.0/16", "one of each family"),
        ("change cluster --dhcp 10.141.0.9-10.141.0.1", "10.141.0.9-10.141.0.1"),
        ("change cluster --mtu 5", "576"),
        ("change cluster --type token-ring", "infiniband"),
        ("change cluster --network 10.141.0.0/28", "room"),
        ("change nothing --mtu 1500", "no network 'nothing'"),
        ("delete ipmi", "group compute"),
    ],
)
def test_bad_input_says_what_is_accepted(cluster: Luna, words: str, said: str) -> None:
    before = cluster("export").out
    done = cluster("network", *words.split())
    assert done.status == 2
    assert said in done.err
    assert cluster("export").out == before
