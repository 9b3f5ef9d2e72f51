"""Every driver on plans of all sizes: what is valid is accepted by the daemon's own checker, what isn't is refused."""

import time
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luna_core.drivers import load
from luna_core.errors import BadInput
from luna_core.interfaces import NetworkService
from luna_core.services.hosts import hosts_file
from luna_core.services.update import update
from luna_core.settings import MachineSettings
from luna_core.types import Cluster, DnsRecord, Host, Network, NetworkPlan, SettingValue, Subnet

DHCP = [("luna.dhcp", "dnsmasq"), ("luna.dhcp", "isc"), ("luna.dhcp", "kea")]
DNS = [("luna.dns", "bind"), ("luna.dns", "dnsmasq")]
LISTEN: dict[str, SettingValue] = {"dhcp.interfaces": ("lo",)}
CLUSTER = Cluster(name="c", domain="cluster", frontend_addresses=(ip_address("10.0.0.254"),), settings=LISTEN)
EMPTY = NetworkPlan(cluster=CLUSTER, networks=(), hosts=())


def driver_of(request: pytest.FixtureRequest) -> NetworkService:
    group, name = request.param
    return load(group, name, MachineSettings())


driver = pytest.fixture(params=DHCP + DNS, ids=lambda one: "-".join(one).removeprefix("luna."))(driver_of)
dhcp = pytest.fixture(params=DHCP, ids=lambda one: one[1])(driver_of)
dns = pytest.fixture(params=DNS, ids=lambda one: one[1])(driver_of)


def network(name: str, *subnets: str, **values: Any) -> Network:
    return Network(name=name, domain=name, subnets=tuple(Subnet(network=ip_network(one)) for one in subnets), **values)


def with_pool(network: Network) -> Network:
    subnet = network.subnets[0]
    first = subnet.network.network_address
    return replace(network, subnets=(replace(subnet, dhcp_range=(first + 10, first + 20)), *network.subnets[1:]))


def test_an_empty_cluster_is_fine(driver: NetworkService, directory: Path) -> None:
    update(driver, EMPTY, directory / "files")


def test_without_anything_to_serve_no_dhcp_server_runs(dhcp: NetworkService, directory: Path) -> None:
    assert not dhcp.services(replace(EMPTY, networks=(network("plain", "10.0.0.0/24"),)), directory / "files")


def test_a_cluster_without_an_address_still_gives_leases(driver: NetworkService, directory: Path) -> None:
    nowhere = replace(CLUSTER, frontend_addresses=())
    pool = with_pool(network("plain", "10.0.0.0/24"))
    files = driver.render(NetworkPlan(cluster=nowhere, networks=(pool,), hosts=()), directory)
    assert "boot/ipxe" not in "".join(files.values())
    update(driver, NetworkPlan(cluster=nowhere, networks=(pool,), hosts=()), directory / "files")


def test_ten_thousand_hosts(driver: NetworkService, directory: Path) -> None:
    big = with_pool(network("big", "10.0.0.0/16", "fd00::/64"))
    hosts = tuple(
        Host(name=f"node{number:05}", network="big", address=base + 1000 + number, mac=mac(number))
        for base in (ip_address("10.0.0.0"), ip_address("fd00::"))
        for number in range(10_000)
    )
    plan = NetworkPlan(cluster=CLUSTER, networks=(big,), hosts=hosts)
    assert "node09999" in update(driver, plan, directory / "files")
    assert update(driver, plan, directory / "files") == ""


def mac(number: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (0x5254_0000_0000 + number).to_bytes(6))


# --------------------------------------------------------------------------------------------- any plan that is valid

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True)
DOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
WORDS = st.from_regex(r"[!-~]{1,20}", fullmatch=True)


@st.composite
def subnets(draw: st.DrawFn, number: int) -> Iterable[Subnet]:
    found = []
    bases = ((IPv4Network(f"10.{number}.0.0/16"), (16, 29)), (IPv6Network(f"fd00:0:0:{number}::/64"), (64, 120)))
    for base, (shortest, longest) in bases:
        if draw(st.booleans()):
            part = next(base.subnets(new_prefix=draw(st.integers(shortest, longest))))
            first = part.network_address
            pool = (first + 2, first + draw(st.integers(2, 5))) if draw(st.booleans()) else None
            gateway = draw(st.sampled_from([None, first + 1]))
            found.append(Subnet(network=part, gateway=gateway, dhcp_range=pool))
    return found


@st.composite
def plans(draw: st.DrawFn) -> NetworkPlan:
    names = draw(st.lists(NAMES, max_size=3, unique_by=str.lower))
    networks, hosts = [], []
    for number, name in enumerate(names):
        one = Network(
            name=name,
            domain=draw(DOMAINS),
            subnets=tuple(draw(subnets(number))),
            nameservers=tuple(draw(st.lists(st.ip_addresses(), max_size=2))),
            ntp_servers=tuple(draw(st.lists(WORDS, max_size=2))),
            mtu=draw(st.sampled_from([None, 1280, 9000])),
        )
        networks.append(one)
        label = draw(LABELS)
        card = draw(st.sampled_from([None, mac(number)]))
        hosts += [Host(name=label, network=name, address=s.network.network_address + 6, mac=card) for s in one.subnets]
    frontends = draw(st.lists(st.sampled_from(["10.0.0.1", "fd00::1", "10.1.0.1", "fd00:0:0:1::1"]), unique=True))
    cluster = replace(CLUSTER, domain=draw(DOMAINS), frontend_addresses=tuple(map(ip_address, frontends)))
    return NetworkPlan(cluster=cluster, networks=tuple(networks), hosts=tuple(hosts))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_the_checker_accepts_any_valid_plan(driver: NetworkService, directory: Path, plan: NetworkPlan) -> None:
    home = directory / f"{time.monotonic_ns()}"
    home.mkdir()
    for name, text in driver.render(plan, home).items():
        (home / name).write_text(text)
    driver.check(home)


# ------------------------------------------------------------------------------------------------ what can't be written

EVIL = ('a"b', "a b", "a,b", "a;b", "a\nb", "a{", "a}", "", "a/b", "ä", "a" * 300, "-a", "a#")


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_the_syntax_would_misread_is_refused(driver: NetworkService, directory: Path, name: str) -> None:
    good = with_pool(network("good", "10.0.0.0/24"))
    host = Host(name="node001", network="good", address=ip_address("10.0.0.1"), mac=mac(1))
    for networks, hosts in (((replace(good, domain=name),), ()), ((good,), (replace(host, name=name),))):
        with pytest.raises(BadInput, match="accepted"):
            driver.render(NetworkPlan(cluster=CLUSTER, networks=networks, hosts=hosts), directory)


@pytest.mark.parametrize("file", EVIL)
def test_a_boot_file_that_the_syntax_would_misread_is_refused(dhcp: NetworkService, directory: Path, file: str) -> None:
    if file in ("a/b", "a" * 300, "-a"):
        return
    cluster = replace(CLUSTER, settings={**LISTEN, "boot.uefi_file": file})
    plan = NetworkPlan(cluster=cluster, networks=(with_pool(network("good", "10.0.0.0/24")),), hosts=())
    with pytest.raises(BadInput, match=r"boot\.uefi_file"):
        dhcp.render(plan, directory)


@pytest.mark.parametrize("mac", ["", "nonsense", "52:54:00:00:00", "52:54:00:00:00:01,10.0.0.9"])
def test_a_mac_that_is_none_is_refused(dhcp: NetworkService, directory: Path, mac: str) -> None:
    host = Host(name="node001", network="good", address=ip_address("10.0.0.1"), mac=mac or "x")
    plan = NetworkPlan(cluster=CLUSTER, networks=(network("good", "10.0.0.0/24"),), hosts=(host,))
    with pytest.raises(BadInput, match="node001"):
        dhcp.render(plan, directory)


def test_infiniband_is_refused_by_name_where_dhcp_is_asked_for(dhcp: NetworkService, directory: Path) -> None:
    plain = network("ib0", "10.0.0.0/24", type="infiniband")
    host = Host(name="node001", network="ib0", address=ip_address("10.0.0.1"), mac=":".join(["80"] * 20))
    dhcp.render(NetworkPlan(cluster=CLUSTER, networks=(plain,), hosts=(host,)), directory)
    with pytest.raises(BadInput, match=r"ib0.*InfiniBand"):
        dhcp.render(NetworkPlan(cluster=CLUSTER, networks=(with_pool(plain),), hosts=()), directory)


def test_kea_says_how_to_name_the_interface_that_dhcpv6_needs(directory: Path) -> None:
    kea = load("luna.dhcp", "kea", MachineSettings())
    cluster = replace(CLUSTER, frontend_addresses=(ip_address("fd00::fe"),), settings={})
    plan = NetworkPlan(cluster=cluster, networks=(with_pool(network("six", "fd00::/64")),), hosts=())
    with pytest.raises(BadInput, match=r"dhcp\.interfaces.*six=eth0"):
        kea.render(plan, directory)


def test_networks_on_one_wire_are_shared(dhcp: NetworkService, directory: Path) -> None:
    networks = (with_pool(network("one", "10.0.0.0/24")), with_pool(network("two", "10.0.1.0/24")))
    cluster = replace(CLUSTER, settings={**LISTEN, "dhcp.shared_networks": ("one+two",)})
    plan = NetworkPlan(cluster=cluster, networks=networks, hosts=())
    update(dhcp, plan, directory / "files")
    assert "shared-network" in "".join(dhcp.render(plan, directory).values())
    wrong = replace(cluster, settings={**LISTEN, "dhcp.shared_networks": ("one+three",)})
    with pytest.raises(BadInput, match=r"three.*one, two"):
        dhcp.render(replace(plan, cluster=wrong), directory)


RECORDS = [
    ("www", "A", "not an address"),
    ("www", "A", "10.0.0.1\nevil A 6.6.6.6"),
    ("www", "NOSUCH", "x"),
    ("a b", "A", "10.0.0.1"),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_is_none_is_refused(dns: NetworkService, directory: Path, record: tuple[str, str, str]) -> None:
    name, kind, value = record
    records = (DnsRecord(zone="good", name=name, type=kind, value=value),)
    plan = NetworkPlan(cluster=CLUSTER, networks=(network("good", "10.0.0.0/24"),), hosts=(), records=records)
    with pytest.raises(BadInput, match="accept"):
        dns.render(plan, directory)


def test_a_hosts_file_has_a_short_name_once_for_each_family(plan: NetworkPlan) -> None:
    assert hosts_file(plan).splitlines() == [
        "10.141.0.1 node001.cluster node001",
        "10.141.255.254 controller.cluster controller",
        "fd00:141::1 node001.cluster node001",
        "10.150.0.9 node009.far.cluster node009",
        "10.148.0.1 node001.ipmi",
    ]
