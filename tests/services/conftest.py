import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ctypes import CDLL
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar

import pytest

from luna_core.testing.deliveries import open_directory
from luna_core.types import Cluster, Host, Network, NetworkPlan, Service, SettingValue, Subnet

T = TypeVar("T")
RESERVED_MAC = "52:54:00:00:00:01"


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where generated files go."""
    with open_directory() as path:
        yield path


@pytest.fixture
def plan(directory: Path) -> NetworkPlan:
    """A controller and a node on one wire with both address families, a BMC network and one behind a relay."""
    settings: dict[str, SettingValue] = {
        "tftp.directory": str(directory / "tftp"),
        "dhcp.interfaces": ("cluster=wire",),
    }
    cluster = Cluster(
        name="test",
        domain="cluster",
        frontend_addresses=(ip_address("10.141.255.254"), ip_address("fd00:141::fe")),
        nameservers=(ip_address("192.0.2.53"),),
        ntp_servers=("10.141.255.254", "time.example.org"),
        settings=settings,
    )
    near = Subnet(
        network=ip_network("10.141.0.0/16"),
        gateway=ip_address("10.141.255.253"),
        dhcp_range=(ip_address("10.141.128.1"), ip_address("10.141.128.200")),
    )
    near_v6 = Subnet(
        network=ip_network("fd00:141::/64"),
        dhcp_range=(ip_address("fd00:141::1:1"), ip_address("fd00:141::1:ffff")),
    )
    far = Subnet(
        network=ip_network("10.150.0.0/19"),
        gateway=ip_address("10.150.0.1"),
        dhcp_range=(ip_address("10.150.1.1"), ip_address("10.150.1.200")),
    )
    return NetworkPlan(
        cluster=cluster,
        networks=(
            Network(name="cluster", domain="cluster", subnets=(near, near_v6), mtu=1400),
            Network(name="far", domain="far.cluster", subnets=(far,)),
            Network(name="ipmi", domain="ipmi", subnets=(Subnet(network=ip_network("10.148.0.0/16")),)),
        ),
        hosts=(
            Host(name="node001", network="cluster", address=ip_address("10.141.0.1"), mac=RESERVED_MAC),
            Host(name="controller", network="cluster", address=ip_address("10.141.255.254"), kind="cluster"),
            Host(name="node001", network="cluster", address=ip_address("fd00:141::1"), mac=RESERVED_MAC),
            Host(name="node009", network="far", address=ip_address("10.150.0.9"), mac="52:54:00:00:00:09"),
            Host(name="node001", network="ipmi", address=ip_address("10.148.0.1")),
        ),
    )


class Wire:
    """Two network namespaces, `server` and `client`, joined by a cable whose ends are called `wire`."""

    def __init__(self, name: str) -> None:
        self.server, self.client, self.relay = f"{name}s", f"{name}c", f"{name}r"
        for namespace in (self.server, self.client, self.relay):
            _ip("netns", "add", namespace)
            self._in(namespace, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
        _ip("-n", self.server, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.client)
        _ip("-n", self.client, "link", "set", "wire", "address", RESERVED_MAC)
        for address in ("10.141.255.254/16", "fd00:141::fe/64"):
            _ip("-n", self.server, "address", "add", address, "dev", "wire")
        for namespace in (self.server, self.client):
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "link", "set", "wire", "up")
        self._wait_for_carrier()

    def _wait_for_carrier(self) -> None:
        # The kernel gives an interface its link-local address when it has seen the cable plugged in.
        deadline = time.monotonic() + 30
        for namespace in (self.server, self.client):
            while "fe80" not in self._in(namespace, "ip", "-6", "address", "show", "dev", "wire"):
                assert time.monotonic() < deadline, "the cable between the namespaces has no carrier"
                time.sleep(0.05)

    def _in(self, namespace: str, *command: str) -> str:
        done = subprocess.run(["ip", "netns", "exec", namespace, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def on_the_server(self, function: Callable[[], T]) -> T:
        """Call a function, and whatever it runs, in the server's namespace."""

        def enter() -> T:
            with Path("/run/netns", self.server).open() as namespace:
                assert CDLL(None).setns(namespace.fileno(), 0) == 0
            return function()

        # A namespace belongs to a thread (setns(2)), so that one entered in a thread of its own needs no way back.
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(enter).result()

    def ask(self, *command: str) -> str:
        """Run a command on the client's side and return what it prints; the test fails if it does."""
        return self._in(self.client, *command)

    def give_client(self, *addresses: str) -> None:
        for address in addresses:
            _ip("-n", self.client, "address", "add", address, "dev", "wire")

    def insert_relay(self) -> Service:
        """Put a router between the two, with the client in 10.150.0.0/19, and return its DHCP relay."""
        _ip("-n", self.client, "link", "set", "wire", "netns", self.relay, "name", "upper")
        _ip("-n", self.relay, "link", "add", "lower", "type", "veth", "peer", "name", "wire", "netns", self.client)
        for end, address in (("upper", "10.141.0.250/16"), ("lower", "10.150.0.1/19")):
            _ip("-n", self.relay, "address", "add", address, "dev", end)
            _ip("-n", self.relay, "link", "set", end, "up")
        _ip("-n", self.client, "link", "set", "wire", "up")
        self._wait_for_carrier()
        _ip("-n", self.server, "route", "add", "10.150.0.0/19", "via", "10.141.0.250")
        options = ("--keep-in-foreground", "--port=0", "--pid-file=", "--conf-file=/dev/null", "--log-facility=-")
        return Service(name="relay", command=("dnsmasq", *options, "--dhcp-relay=10.150.0.1,10.141.255.254"))

    def remove(self) -> None:
        for namespace in (self.server, self.client, self.relay):
            _ip("netns", "delete", namespace)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)} needs root and network namespaces: {done.stderr}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(f"luna{os.getpid()}")
    yield made
    made.remove()


class Daemons:
    """Runs services as `luna serve` would, in the server's namespace where there is one."""

    def __init__(self, stack: ExitStack, log: Path) -> None:
        self.stack, self.log = stack, log
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, services: Sequence[Service], namespace: str | None = None) -> None:
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        for service in services:
            output = self.stack.enter_context(self.log.open("ab"))
            process = subprocess.Popen(
                [*prefix, *service.command],
                stdout=output,
                stderr=output,
                env={**os.environ, **service.environment},
                start_new_session=True,
            )
            self.stack.callback(_stop, process)
            self.running.append(process)

    def reload(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGHUP)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(20)


@pytest.fixture
def daemons(directory: Path) -> Iterator[Daemons]:
    log = directory / "daemons.log"
    log.touch()
    with ExitStack() as stack:
        yield Daemons(stack, log)
    print(log.read_text())
