"""Clients that nobody here wrote ask each DHCP server over a real wire: busybox's udhcpc and ISC's dhclient."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from luna_core.drivers import load
from luna_core.interfaces import NetworkService
from luna_core.services.update import update
from luna_core.settings import MachineSettings
from luna_core.types import NetworkPlan, Subnet

SCRIPT_URL = "http://10.141.255.254:7050/boot/ipxe"
HTTP_URL = "http://10.141.255.254:7050/boot/files/snponly.efi"
IPXE = ("-x", "0x4d:69505845")
Ask = Callable[..., dict[str, str]]


def architecture(number: int) -> tuple[str, str]:
    return "-x", f"0x5d:{number:04x}"


@pytest.fixture(params=["dnsmasq", "isc", "kea"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(server: str) -> NetworkService:
    return load("luna.dhcp", server, MachineSettings())


@pytest.fixture
def serve(driver: NetworkService, directory: Path, daemons: Any, wire: Any) -> Callable[[NetworkPlan], None]:
    def serve(plan: NetworkPlan) -> None:
        (directory / "tftp").mkdir()
        # Kea's checker wants to see the interface that it is to listen on.
        wire.on_the_server(lambda: update(driver, plan, directory / "dhcp"))
        daemons.start(driver.services(plan, directory / "dhcp"), wire.server)

    return serve


@pytest.fixture
def ask(wire: Any, directory: Path) -> Ask:
    """What udhcpc was told, by the names that it gives its script."""
    answer = directory / "answer"
    script = directory / "script"
    script.write_text(f'#!/bin/sh\n[ "$1" = bound ] && env > {answer}\nexit 0\n')
    script.chmod(0o755)

    def ask(*options: str) -> dict[str, str]:
        command = ["udhcpc", "-f", "-q", "-n", "-i", "wire", "-t", "40", "-T", "1", "-s", str(script), *options]
        wire.ask(*command)
        return dict(line.split("=", 1) for line in answer.read_text().splitlines() if "=" in line)

    return ask


def test_a_reserved_mac_gets_its_address_and_its_network_s_options(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, ask: Ask
) -> None:
    serve(plan)
    told = ask("-O", "search", "-O", "ntpsrv", "-O", "mtu")
    assert told["ip"] == "10.141.0.1"
    assert told["mask"] == "16"
    assert told["router"] == "10.141.255.253"
    assert told["dns"] == "10.141.255.254"
    assert told["domain"] == "cluster"
    assert told["search"] == "cluster"
    assert told["ntpsrv"] == "10.141.255.254"
    assert told["mtu"] == "1400"
    assert told["hostname"] == "node001"
    assert told["lease"] == "3600"


def test_firmware_and_ipxe_are_told_what_to_load(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, ask: Ask
) -> None:
    serve(plan)
    files = {number: ask(*architecture(number))["boot_file"] for number in (0, 7, 9, 11)}
    assert files == {0: "undionly.kpxe", 7: "snponly.efi", 9: "snponly.efi", 11: "ipxe-arm64.efi"}
    assert ask(*architecture(7))["siaddr"] == "10.141.255.254"

    http = ask(*architecture(16), "-V", "HTTPClient:Arch:00016")
    assert http["boot_file"] == HTTP_URL
    assert http["vendor"] == "HTTPClient"

    for number in (0, 7, 11, 16):
        ipxe = ask(*architecture(number), *IPXE, "-x", "0xaf:b10101", "-O", "175")
        assert ipxe["boot_file"] == SCRIPT_URL
        assert "vendor" not in ipxe
        assert "b00101" in ipxe["opt175"], "iPXE would wait for a ProxyDHCP server"


def test_the_boot_file_can_be_fetched_from_where_it_is_said_to_be(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, ask: Ask, wire: Any, directory: Path
) -> None:
    serve(plan)
    (directory / "tftp" / "snponly.efi").write_text("this is iPXE")
    told = ask(*architecture(7))
    wire.give_client(f"{told['ip']}/16")
    fetched = directory / "fetched"
    wire.ask("busybox", "tftp", "-g", "-r", told["boot_file"], "-l", str(fetched), told["siaddr"])
    assert fetched.read_text() == "this is iPXE"


def test_a_machine_that_boots_keeps_one_address_whatever_identifies_it(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, ask: Ask
) -> None:
    serve(replace(plan, hosts=()))
    first = ask(*architecture(0), "-x", "0x3d:00aabb")["ip"]
    assert first.startswith("10.141.128.")
    assert ask(*architecture(0), *IPXE, "-x", "0x3d:01525400000001")["ip"] == first
    assert ask("-x", "0x3d:ff001122")["ip"] == first


def test_a_relayed_request_gets_an_address_of_the_relay_s_network(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, ask: Ask, wire: Any, daemons: Any
) -> None:
    daemons.start([wire.insert_relay()], wire.relay)
    serve(plan)
    told = ask(*architecture(7))
    assert told["ip"].startswith("10.150.1.")
    assert told["router"] == "10.150.0.1"
    assert told["domain"] == "far.cluster"
    assert told["siaddr"] == "10.141.255.254"


@pytest.mark.parametrize("routes", [False, True])
def test_dnsmasq_advertises_so_that_ipxe_need_not_wait(
    plan: NetworkPlan, wire: Any, directory: Path, daemons: Any, routes: bool
) -> None:
    cluster, *others = plan.networks
    gateway = plan.cluster.frontend_addresses[1] if routes else None
    quiet = replace(cluster, subnets=(cluster.subnets[0], Subnet(network=ip_network("fd00:141::/64"), gateway=gateway)))
    hosts = tuple(host for host in plan.hosts if host.address.version == 4)
    dnsmasq = load("luna.dhcp", "dnsmasq", MachineSettings())
    advertised = replace(plan, networks=(quiet, *others), hosts=hosts)
    update(dnsmasq, advertised, directory / "dhcp")
    wire.ask("sysctl", "-qw", "net.ipv6.conf.wire.accept_ra=2")
    daemons.start(dnsmasq.services(advertised, directory / "dhcp"), wire.server)
    deadline = time.monotonic() + 60
    while "fd00:141::5054" not in wire.ask("ip", "-6", "address", "show", "dev", "wire").replace(":ff:fe", ""):
        assert time.monotonic() < deadline, "no advertisement came"
        time.sleep(0.1)
    assert bool(wire.ask("ip", "-6", "route", "show", "default")) is routes


@pytest.mark.parametrize(
    ("sent", "url"),
    [
        ("send dhcp6.architecture 7;", "tftp://[fd00:141::fe]/snponly.efi"),
        ("send dhcp6.architecture 7; send dhcp6.user 00:04:69:50:58:45;", "http://[fd00:141::fe]:7050/boot/ipxe"),
    ],
)
def test_dhcpv6_gives_the_reserved_address_and_the_boot_url(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, wire: Any, directory: Path, sent: str, url: str
) -> None:
    serve(plan)
    told = ask_v6(wire, directory, sent)
    assert told["new_ip6_address"] == "fd00:141::1"
    assert told["new_dhcp6_bootfile_url"] == url
    assert told["new_dhcp6_name_servers"] == "fd00:141::fe"
    assert told["new_dhcp6_domain_search"].rstrip(".") == "cluster"
    assert "new_dhcp6_vendor" not in told


def test_uefi_http_boot_over_ipv6(
    server: str, serve: Callable[[NetworkPlan], None], plan: NetworkPlan, wire: Any, directory: Path
) -> None:
    serve(plan)
    told = ask_v6(wire, directory, "send dhcp6.architecture 16;")
    assert told["new_dhcp6_bootfile_url"] == "http://[fd00:141::fe]:7050/boot/files/snponly.efi"
    vendor = bytes(int(byte, 16) for byte in told["new_dhcp6_vendor"].split(":"))
    assert vendor[4:] == b"\0\x0aHTTPClient"
    # dnsmasq can't write Intel's enterprise number, which UEFI asks for and firmware doesn't look at.
    assert vendor[:4] == (b"\0\0\x01\x57" if server != "dnsmasq" else b"\0\x02lu")


def test_where_there_is_no_ipv4_each_stage_of_a_boot_gets_an_address_and_its_url(
    serve: Callable[[NetworkPlan], None], plan: NetworkPlan, wire: Any, directory: Path
) -> None:
    near = plan.networks[0]
    cluster = replace(plan.cluster, frontend_addresses=plan.cluster.frontend_addresses[1:])
    hosts = tuple(host for host in plan.hosts if host.address.version == 6)
    serve(replace(plan, cluster=cluster, networks=(replace(near, subnets=near.subnets[1:]),), hosts=hosts))
    # The firmware, iPXE and the system each have a client identifier of their own, and the first keeps its lease.
    told = [ask_v6(wire, directory, "send dhcp6.architecture 7;", identifier) for identifier in ("LL", "LLT")]
    assert told[0]["new_ip6_address"] == "fd00:141::1"
    assert all(one["new_ip6_address"].startswith("fd00:141::") for one in told)
    assert [one["new_dhcp6_bootfile_url"] for one in told] == ["tftp://[fd00:141::fe]/snponly.efi"] * 2


def ask_v6(wire: Any, directory: Path, sent: str, identifier: str = "LL") -> dict[str, str]:
    """What dhclient was told, by the names that it gives its script; `identifier` is the kind of its DUID."""
    script, answer, configuration = directory / "script6", directory / "answer6", directory / "dhclient6.conf"
    script.write_text(f'#!/bin/sh\n[ "$reason" = BOUND6 ] && env > {answer} && kill $PPID\nexit 0\n')
    script.chmod(0o755)
    configuration.write_text(
        "option dhcp6.architecture code 61 = unsigned integer 16;\n"
        "option dhcp6.user code 15 = string;\n"
        "option dhcp6.vendor code 16 = string;\n"
        f"also request dhcp6.bootfile-url, dhcp6.domain-search, dhcp6.name-servers, dhcp6.vendor; {sent}\n"
    )
    files = ("-cf", str(configuration), "-lf", str(directory / f"leases6-{identifier}"), "-pf", str(directory / "pid6"))
    command = ["dhclient", "-6", "-1", "-d", "-D", identifier, "-sf", str(script), *files, "wire"]
    # The script ends dhclient, which would otherwise stay to renew its lease.
    done = subprocess.run(
        ["ip", "netns", "exec", wire.client, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.exists(), done.stderr
    return dict(line.split("=", 1) for line in answer.read_text().splitlines() if "=" in line)
