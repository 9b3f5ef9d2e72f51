"""A resolver that nobody here wrote (dig) asks each DNS server, before and after a change."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from luna_core.drivers import load
from luna_core.interfaces import NetworkService
from luna_core.services.update import update
from luna_core.settings import MachineSettings
from luna_core.testing.delivery import wait_until
from luna_core.types import DnsRecord, Host, NetworkPlan

Dig = Callable[..., str]


@pytest.fixture(params=["bind", "dnsmasq"])
def driver(request: pytest.FixtureRequest) -> NetworkService:
    return load("luna.dns", request.param, MachineSettings())


@pytest.fixture
def named(plan: NetworkPlan) -> NetworkPlan:
    """The plan on any port, with records of its own."""
    settings = {**plan.cluster.settings, "dns.port": 5300, "dns.dnssec_validation": "no"}
    records = (
        DnsRecord(zone="cluster", name="www", type="CNAME", value="node001"),
        DnsRecord(zone="cluster", name="@", type="A", value="10.141.255.254"),
    )
    return replace(plan, cluster=replace(plan.cluster, settings=settings), records=records)


@pytest.fixture
def dig(wire: Any) -> Dig:
    wire.give_client("10.141.0.77/16", "fd00:141::77/64", "192.0.2.1/24")

    def dig(name: str, kind: str = "A", *, server: str = "10.141.255.254") -> str:
        """The answer in brief, else the status; tried again until the server has read its zones."""
        deadline = time.monotonic() + 90
        command = ["ip", "netns", "exec", wire.client, "dig", f"@{server}", "-p", "5300", "+time=1", "+tries=1"]
        command += ["-x", name] if kind == "PTR" else [name, kind]
        while True:
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if "status: " in said and "SERVFAIL" not in said:
                break
            assert time.monotonic() < deadline, said
        answers = [line.split()[-1] for line in said.splitlines() if line and line[0] != ";"]
        return answers[-1] if "ANSWER SECTION" in said else said.partition("status: ")[2].split(",")[0]

    return dig


@pytest.fixture
def serve(driver: NetworkService, directory: Path, daemons: Any, wire: Any) -> Callable[[NetworkPlan], None]:
    def serve(plan: NetworkPlan) -> None:
        update(driver, plan, directory / "dns")
        daemons.start(driver.services(plan, directory / "dns"), wire.server)

    return serve


def test_names_and_addresses_resolve_in_both_families(
    serve: Callable[[NetworkPlan], None], named: NetworkPlan, dig: Dig
) -> None:
    serve(named)
    assert dig("node001.cluster") == "10.141.0.1"
    assert dig("node001.cluster", "AAAA") == "fd00:141::1"
    assert dig("node001.ipmi") == "10.148.0.1"
    assert dig("node009.far.cluster", server="fd00:141::fe") == "10.150.0.9"
    assert dig("10.141.0.1", "PTR") == "node001.cluster."
    assert dig("fd00:141::1", "PTR") == "node001.cluster."
    assert dig("10.150.0.9", "PTR") == "node009.far.cluster."
    assert dig("www.cluster") == "10.141.0.1"
    assert dig("cluster") == "10.141.255.254"


def test_what_is_not_there_is_denied_at_once(
    serve: Callable[[NetworkPlan], None], named: NetworkPlan, dig: Dig
) -> None:
    serve(named)
    assert dig("node777.cluster") == "NXDOMAIN"
    assert dig("10.141.77.77", "PTR") == "NXDOMAIN"
    assert dig("10.150.31.77", "PTR") == "NXDOMAIN"


def test_bind_refuses_whoever_is_outside_the_cluster(
    named: NetworkPlan, dig: Dig, directory: Path, daemons: Any, wire: Any
) -> None:
    bind = load("luna.dns", "bind", MachineSettings())
    update(bind, named, directory / "dns")
    daemons.start(bind.services(named, directory / "dns"), wire.server)
    assert dig("node001.cluster") == "10.141.0.1"
    wire.ask("ip", "address", "delete", "10.141.0.77/16", "dev", "wire")
    wire.ask("ip", "route", "add", "10.141.0.0/16", "dev", "wire", "src", "192.0.2.1")
    subprocess.run(["ip", "-n", wire.server, "route", "add", "192.0.2.0/24", "dev", "wire"], check=True)
    assert dig("node001.cluster") == "REFUSED"


def test_a_reload_adds_and_removes_names(
    serve: Callable[[NetworkPlan], None],
    named: NetworkPlan,
    dig: Dig,
    driver: NetworkService,
    directory: Path,
    daemons: Any,
) -> None:
    serve(named)
    assert dig("node009.far.cluster") == "10.150.0.9"
    new = Host(name="node010", network="far", address=ip_address("10.150.0.10"))
    changed = replace(named, hosts=(*(host for host in named.hosts if host.name != "node009"), new))
    before, after = driver.services(named, directory / "dns"), driver.services(changed, directory / "dns")
    assert update(driver, changed, directory / "dns")
    assert before == after, "a change of hosts must not need a restart"
    daemons.reload()
    # BIND reads its zones one after the other.
    wait_until(lambda: dig("node010.far.cluster") == "10.150.0.10", "the new name")
    wait_until(lambda: dig("10.150.0.9", "PTR") == "NXDOMAIN", "the old address to be nobody's")
    assert dig("node009.far.cluster") == "NXDOMAIN"
    assert dig("node001.cluster") == "10.141.0.1"


def test_a_domain_inside_another_is_delegated(
    named: NetworkPlan, dig: Dig, directory: Path, daemons: Any, wire: Any
) -> None:
    bind = load("luna.dns", "bind", MachineSettings())
    update(bind, named, directory / "dns")
    daemons.start(bind.services(named, directory / "dns"), wire.server)
    assert dig("far.cluster", "NS") == "controller.cluster."
    assert "far.cluster. NS controller.cluster." in (directory / "dns" / "cluster.zone").read_text()
