"""BMCs that answer: ipmi_sim and the one that comes with pyghmi."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.types import BmcTarget


@pytest.fixture
def driver() -> IpmiDriver:
    return IpmiDriver()


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a console's process finds its password."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBmc]:
    """A freshly started ipmi_sim whose chassis is off."""
    bmc = SimulatedBmc(tmp_path / "bmc")
    bmc.start()
    yield bmc
    bmc.stop()


@pytest.fixture
def start_pyghmi_bmc() -> Iterator[Callable[..., BmcTarget]]:
    """Starts pyghmi's BMC; the arguments are the completion code of its power cycle, and its address."""
    started = []

    def start(cycle_code: int = 0, address: str = "127.0.0.1") -> BmcTarget:
        command = [sys.executable, Path(__file__).parent / "pyghmi_bmc.py", str(cycle_code), address]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        return target(int(started[-1].stdout.readline()), address)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def silent() -> Iterator[BmcTarget]:
    """A port that takes everything and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        yield target(one.getsockname()[1], timeout_s=0.8)


def target(port: int, address: str = "127.0.0.1", timeout_s: float = 60) -> BmcTarget:
    return BmcTarget(
        node="node001",
        address=ip_address(address),
        username="admin",
        password="secret",
        port=port,
        timeout_s=timeout_s,
    )


class Relay:
    """Stands between luna and a BMC; `change` gets each answer and gives what luna gets, None for nothing."""

    def __init__(self, port: int, change: Callable[[bytes], bytes | None]) -> None:
        self._change = change
        self._bmc = ("127.0.0.1", port)
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port = int(self._front.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._front.close()

    def _serve(self) -> None:
        client = self._bmc
        while True:
            data, sender = self._front.recvfrom(4096)
            if not data:
                return
            if sender != self._bmc:
                client = sender
                self._front.sendto(data, self._bmc)
            elif changed := self._change(data):
                self._front.sendto(changed, client)


@pytest.fixture
def relayed(simulated: SimulatedBmc) -> Iterator[Callable[[Callable[[bytes], bytes | None]], BmcTarget]]:
    """ipmi_sim behind a relay that changes its answers."""
    relays = []

    def start(change: Callable[[bytes], bytes | None]) -> BmcTarget:
        relays.append(Relay(simulated.port, change))
        return target(relays[-1].port)

    yield start
    for relay in relays:
        relay.close()
