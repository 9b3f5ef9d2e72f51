"""Subnets that move, grow and shrink; ranges that are reserved and released."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.model import AddressRange, Cluster, Group, Network, Node, OtherDev
from luna_core.operations import doctor, exchange, history, networks
from luna_core.operations.networks import SubnetChange


@pytest.fixture
def dual(admin: Any) -> Any:
    """A dual-stack network with everything in it, n1 to n3, and a printer."""
    v4 = {
        "network": "10.1.0.0/24",
        "gateway": "10.1.0.254",
        "dhcp_range": {"first": "10.1.0.100", "last": "10.1.0.120"},
        "reserved": [{"first": "10.1.0.1", "last": "10.1.0.4"}],
    }
    admin.add(Network, "net", subnets=[v4, {"network": "fd00:1::/64"}])
    admin.add(Group, "g")
    admin.interface(Group, "g", "BOOTIF", "net")
    for name in ("n1", "n2", "n3"):
        admin.add(Node, name, group="g")
    admin.add(OtherDev, "printer", addresses=[{"address": "10.1.0.200", "network": "net"}])
    yield admin
    assert not list(admin.luna.read(lambda work: list(doctor.problems(work))))


def change(admin: Any, *subnets: str, **more: Any) -> None:
    wanted = SubnetChange(networks=[ip_network(one) for one in subnets], **more)
    admin.luna.change(lambda work: networks.change_network(work, "net", {}, wanted), "network change")


def addresses(admin: Any) -> list[str]:
    nodes = admin.luna.read(lambda work: work.all(Node))
    device = admin.luna.read(lambda work: work.get(OtherDev, "printer"))
    return [str(one.address) for each in (*nodes, device) for one in each.addresses]


OLD = ["10.1.0.5", "fd00:1::1", "10.1.0.6", "fd00:1::2", "10.1.0.7", "fd00:1::3", "10.1.0.200"]


def test_a_new_base_keeps_every_place_and_undo_brings_the_old_one_back(dual: Any) -> None:
    assert addresses(dual) == OLD
    before = dual.luna.read(exchange.export)
    change(dual, "10.9.0.0/16", "fd00:9::/64")
    assert addresses(dual) == [one.replace("10.1.", "10.9.").replace("fd00:1:", "fd00:9:") for one in OLD]
    v4, v6 = dual.luna.read(lambda work: work.get(Network, "net")).subnets
    assert str(v6.network) == "fd00:9::/64"
    assert (str(v4.gateway), str(v4.dhcp_range), str(v4.reserved[0])) == (
        "10.9.0.254",
        "10.9.0.100-10.9.0.120",
        "10.9.0.1-10.9.0.4",
    )
    dual.luna.change(lambda work: history.undo(work, history.last_number(work.transaction)), "undo")
    assert dual.luna.read(exchange.export) == before


def test_one_family_moves_alone(dual: Any) -> None:
    change(dual, "fd00:9::/64")
    assert addresses(dual) == [one.replace("fd00:1:", "fd00:9:") for one in OLD]


def test_growing_keeps_what_is_reserved(dual: Any) -> None:
    change(dual, "10.1.0.0/16")
    assert addresses(dual) == OLD
    dual.add(Node, "n4", group="g")
    assert dual.addresses("n4") == {"BOOTIF": ["10.1.0.8", "fd00:1::4"]}


def test_shrinking_away_a_used_address_names_its_owner(dual: Any) -> None:
    more = {"gateways": [ip_address("10.1.0.126")], "ranges": [address_range("10.1.0.90", "10.1.0.99")]}
    with pytest.raises(
        BadInput, match=r"10.1.0.0/25 was given; otherdev printer has 10.1.0.200. Accepted is a network"
    ):
        change(dual, "10.1.0.0/25", **more)
    with pytest.raises(BadInput, match=r"10.1.0.0/25 was given; its gateway has 10.1.0.254"):
        change(dual, "10.1.0.0/25")
    assert addresses(dual) == OLD
    dual.delete(OtherDev, "printer")
    change(dual, "10.1.0.0/25", **more)
    dual.add(OtherDev, "printer")


@pytest.mark.parametrize(
    ("subnet", "why"),
    [
        ({"network": "10.1.0.0/25"}, "otherdev printer: addresses: 10.1.0.200 was given; accepted is a host's"),
        ({"network": "10.1.0.0/24", "dhcp_range": {"first": "10.1.0.7", "last": "10.1.0.9"}},
         "node n3: addresses.BOOTIF: 10.1.0.7 was given; accepted is one outside the DHCP range"),
    ],
)  # fmt: skip
def test_a_subnet_that_leaves_somebody_out_is_refused(dual: Any, subnet: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        dual.change(Network, "net", subnets=[subnet, {"network": "fd00:1::/64"}])


def test_a_lost_family_releases_its_addresses_and_a_new_one_gives_some(dual: Any) -> None:
    subnets = dual.luna.read(exchange.export)["network"]["net"]["subnets"]
    dual.change(Network, "net", subnets=subnets[:1])
    assert addresses(dual) == [one for one in OLD if "." in one]
    dual.change(Network, "net", subnets=[subnets[0], {"network": "fd00:2::/64"}])
    assert addresses(dual) == [one.replace("fd00:1:", "fd00:2:") for one in OLD]


def test_fields_can_be_taken_back(dual: Any) -> None:
    change(dual, without=frozenset({"gateway", "dhcp_range"}))
    v4 = dual.luna.read(lambda work: work.get(Network, "net")).subnets[0]
    assert (v4.gateway, v4.dhcp_range, str(v4.reserved[0])) == (None, None, "10.1.0.1-10.1.0.4")


@pytest.mark.parametrize("other", ["10.1.0.0/24", "10.1.0.128/25", "10.0.0.0/8", "fd00:1::/48"])
def test_networks_do_not_overlap(dual: Any, other: str) -> None:
    with pytest.raises(BadInput, match=rf"network (net|other): subnets: .* overlaps .*{other}|{other} overlaps"):
        dual.network("other", other)


def test_the_dhcp_range_leaves_the_controller_out(dual: Any) -> None:
    dual.change(Cluster, "cluster", frontend_addresses=["10.1.0.2"])
    with pytest.raises(
        BadInput, match=r"frontend_addresses: 10.1.0.2 was given; accepted is one outside the DHCP range"
    ):
        change(dual, ranges=[address_range("10.1.0.1", "10.1.0.4")])


def address_range(first: str, last: str) -> AddressRange:
    return AddressRange(first=ip_address(first), last=ip_address(last))


def reserve(admin: Any, first: str, last: str) -> None:
    admin.luna.change(lambda work: networks.reserve(work, "net", address_range(first, last)), "reserve")


def release(admin: Any, first: str, last: str) -> None:
    admin.luna.change(lambda work: networks.release(work, "net", address_range(first, last)), "release")


def reserved(admin: Any) -> list[str]:
    return [str(one) for one in admin.luna.read(lambda work: work.get(Network, "net")).subnets[0].reserved]


@pytest.mark.parametrize(
    ("first", "last", "left"),
    [
        ("10.1.0.1", "10.1.0.1", ["10.1.0.2-10.1.0.4"]),
        ("10.1.0.1", "10.1.0.3", ["10.1.0.4"]),
        ("10.1.0.2", "10.1.0.3", ["10.1.0.1", "10.1.0.4"]),
        ("10.1.0.4", "10.1.0.4", ["10.1.0.1-10.1.0.3"]),
        ("10.1.0.1", "10.1.0.4", []),
    ],
)
def test_releasing_gives_back_exactly_what_was_asked(dual: Any, first: str, last: str, left: list[str]) -> None:
    release(dual, first, last)
    assert reserved(dual) == left


def test_reserving_at_the_head_of_what_is_free_keeps_all_of_it(dual: Any) -> None:
    """The original freed all but the first address."""
    reserve(dual, "10.1.0.8", "10.1.0.20")
    assert reserved(dual) == ["10.1.0.1-10.1.0.4", "10.1.0.8-10.1.0.20"]
    dual.add(Node, "n4", group="g")
    assert dual.addresses("n4")["BOOTIF"][0] == "10.1.0.21"


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("10.1.0.6", "10.1.0.9", "10.1.0.6-10.1.0.9 was given; node n2 has 10.1.0.6"),
        ("10.1.0.4", "10.1.0.4", "accepted is a range apart from those reserved"),
        ("10.1.0.250", "10.1.1.9", "accepted is a range in 10.1.0.0/24 or fd00:1::/64"),
        ("10.2.0.1", "10.2.0.1", "accepted is a range in 10.1.0.0/24 or fd00:1::/64"),
    ],
)
def test_what_cannot_be_reserved(dual: Any, first: str, last: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"network net: reserved: .*{why}"):
        reserve(dual, first, last)
    assert reserved(dual) == ["10.1.0.1-10.1.0.4"]


def test_what_is_not_reserved_is_not_released(dual: Any) -> None:
    with pytest.raises(BadInput, match=r"10.1.0.3-10.1.0.9 was given; accepted is a range within 10.1.0.1-10.1.0.4"):
        release(dual, "10.1.0.3", "10.1.0.9")


def test_a_full_network_refuses_and_nothing_changes(admin: Any) -> None:
    admin.network("net", "10.1.0.0/30")
    admin.network("big", "10.2.0.0/24")
    admin.add(Group, "g")
    admin.interface(Group, "g", "eth0", "big")
    admin.interface(Group, "g", "eth1", "net")
    for name in ("n1", "n2"):
        admin.add(Node, name, group="g")
    before = admin.luna.read(exchange.export)
    with pytest.raises(
        BadInput, match=r"network net: no address is free in 10.1.0.0/30: 2 are used, and held back are none"
    ):
        admin.add(Node, "n3", group="g")
    assert admin.luna.read(exchange.export) == before
