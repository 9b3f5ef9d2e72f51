"""Switches to ask: recordings of real ones behind snmpsim, real agents on a Linux bridge, and generated tables."""

import bz2
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path

import pytest

from luna_core.types import Switch

# Everything that a poll reads, and more of the same tables; whole recordings take snmpsim minutes to index.
SUBTREES = tuple(
    f"1.{one}.".encode()
    for one in (
        *("3.6.1.2.1.17.1", "3.6.1.2.1.17.2", "3.6.1.2.1.17.4.3", "3.6.1.2.1.17.7.1.2.2", "3.6.1.2.1.17.7.1.4.2.1.3"),
        *(
            "3.6.1.2.1.2.2.1.2",
            "3.6.1.2.1.2.2.1.3",
            "3.6.1.2.1.2.2.1.6",
            "3.6.1.2.1.31.1.1.1.1",
            "3.6.1.2.1.31.1.1.1.18",
        ),
        *("2.840.10006.300.43.1.2.1.1.13", "0.8802.1.1.2.1.3.7.1.3", "0.8802.1.1.2.1.4.1.1.12"),
        *("3.6.1.4.1.9.9.23.1.2.1.1.9",),
    )
)
RECORDINGS = (
    *("cloud/arista-dcs-7150s-52-cl", "network/appliance/cisco-unknown-01", "network/router/cisco-unmarked-0"),
    *("network/router/huawei-s5720", "network/router/juniper-mx960-12-3r6-6", "network/router/juniper-mx960-13-3r9-13"),
    *("network/switch/bdcom-s5612", "network/switch/brocade-icx6430-24", "network/switch/cisco-c3750"),
    *("network/switch/dcrs-5980-28t-dc", "network/switch/dcs-3726c", "network/switch/dlink-des3038"),
    *("network/switch/dlink-des3200", "network/switch/dptech-dpx800-a5", "network/switch/h3c-comware-7-1-075"),
    *("network/switch/h3c-e528-2", "network/switch/h3c-wx6103", "network/switch/hpe-procurve-516733-b21"),
    *("network/switch/maipu-sm4200-16gef8ge-ac", "network/switch/ruijie-s5750-24gt12sfp", "network/wifi/aruba-7210"),
    *(
        "network/switch/zte-zxr10-5250",
        "os/linux/netmanage",
        "network/wifi/ruijie-m18000",
        "unclassified/02",
        "unclassified/03",
    ),
)
READY_WITHIN_S = 90.0


@pytest.fixture(scope="session", params=RECORDINGS, ids=lambda name: name.rpartition("/")[2])
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Switch]]:
    """The lines of a recording, and the switch that answers with them."""
    directory = tmp_path_factory.mktemp("recording")
    name = request.param.rpartition("/")[2]
    packed = files("snmpsim_data").joinpath(f"data/{request.param}.snmprec.bz2").read_bytes()
    lines: dict[bytes, bytes] = {}
    for line in bz2.decompress(packed).splitlines():
        if line.startswith(SUBTREES):
            # One recording has a few rows twice, with different values.
            lines.setdefault(line.partition(b"|")[0], line)
    path = directory / "data" / f"{name}.snmprec"
    path.parent.mkdir()
    path.write_bytes(b"".join(line + b"\n" for line in lines.values()))
    port = free_port()
    with Simulator(directory, port):
        yield path, switch(name, port)


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Call it with recordings by name (community or context) to get the port of a simulator; options go to snmpsim."""
    with ExitStack() as stack:

        def start(recordings: dict[str, str], *options: str) -> int:
            (tmp_path / "data").mkdir()
            for name, text in recordings.items():
                (tmp_path / "data" / f"{name}.snmprec").write_text(text)
            port = free_port()
            stack.enter_context(Simulator(tmp_path, port, *options))
            return port

        yield start


def free_port() -> int:
    """A UDP port of this machine that nobody has."""
    with socket.socket(type=socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Simulator:
    """snmpsim on the recordings in `directory`/data."""

    def __init__(self, directory: Path, port: int, *options: str) -> None:
        program = Path(sys.executable).with_name("snmpsim-command-responder")
        where = (f"--data-dir={directory}/data", f"--cache-dir={directory}/cache")
        self._command = [str(program), *where, *options, f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
        self._log = directory / "snmpsim.log"
        self._port = port
        (directory / "cache").mkdir()

    def __enter__(self) -> None:
        with self._log.open("w") as log:
            environment = {**os.environ, "SNMPSIM_ALLOW_ROOT": "true", "HOME": str(self._log.parent)}
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + READY_WITHIN_S
        while f":{self._port:04X} " not in Path("/proc/net/udp").read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"snmpsim doesn't start: {self._log.read_text()}")
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def switch(community: str, port: int, **fields: object) -> Switch:
    """A switch that is asked on this machine."""
    values = {"community": community, "snmp_port": port, "timeout_s": 30.0, **fields}
    return Switch(name="sw01", addresses=(ip_address("127.0.0.1"),), **values)  # type: ignore[arg-type]


@pytest.fixture
def local_switch() -> Callable[..., Switch]:
    """Call it with community, port and other fields."""
    return switch
