"""BMCs that answer: ipmi_sim and the one that comes with pyghmi."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.types import BmcTarget


@pytest.fixture
def driver() -> IpmiDriver:
    return IpmiDriver()


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBmc]:
    """A freshly started ipmi_sim whose chassis is off."""
    bmc = SimulatedBmc(tmp_path / "bmc")
    bmc.start()
    yield bmc
    bmc.stop()


@pytest.fixture
def start_pyghmi_bmc() -> Iterator[Callable[..., BmcTarget]]:
    """Starts pyghmi's BMC; the argument is the completion code of its power cycle."""
    started = []

    def start(cycle_code: int = 0) -> BmcTarget:
        program = Path(__file__).parent / "pyghmi_bmc.py"
        process = subprocess.Popen([sys.executable, program, str(cycle_code)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        return target(int(process.stdout.readline()))

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


def target(port: int, **fields: Any) -> BmcTarget:
    return BmcTarget(
        **{"node": "node001", "address": ip_address("127.0.0.1"), "username": "admin", "password": "secret"},
        **{"port": port, **fields},
    )
