"""How long it takes to poll many switches, and what silent ones change.

    python benchmarks/switches.py [--switches 64] [--macs 1000] [--silent 4]

Every switch is a snmpd of its own with a forwarding table of its own, as real agents are written in C too; they share
this machine's cores with the poller. A switch is polled when its snapshot has all MACs; silent ones come on top, and
are addresses that swallow every packet.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ground

from luna_core.operations import Luna, objects
from luna_core.settings import MachineSettings
from luna_discovery_switchport.snapshot import Folder

PORT = 16161
PORTS_OF_SWITCH = 48
COMMUNITY = "benchmark"


def main() -> None:
    """Measure with and without silent switches, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--switches", type=int, default=64, help="how many switches answer (64)")
    parser.add_argument("--macs", type=int, default=1000, help="MACs in the table of each (1000)")
    parser.add_argument("--silent", type=int, default=4, help="how many switches are silent in the second run (4)")
    given = parser.parse_args()
    ground.end_cleanly()
    with tempfile.TemporaryDirectory(prefix="luna-benchmark-") as name, ExitStack() as agents:
        for number in range(given.switches):
            agents.enter_context(agent(Path(name), number, given.macs))
        for silent in (0, given.silent, 0, given.silent):
            before_s = processor_s()
            took_s = measure(Path(name), given.switches, given.macs, silent)
            used = f"the poller used {processor_s() - before_s:.2f} s of processor"
            what = f"{given.switches} switches of {given.macs} MACs, {silent} silent"
            print(f"{what}: {took_s:.2f} s; {used}", flush=True)


def processor_s() -> float:
    """What processes took that have ended, which is the poller: the agents run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def address(number: int) -> str:
    """The address of a switch."""
    return f"127.1.{number >> 8}.{number & 255}"


@contextmanager
def agent(directory: Path, number: int, macs: int) -> Iterator[None]:
    """A switch that answers."""
    configuration = directory / f"{number}.conf"
    lines = [f"agentAddress udp:{address(number)}:{PORT}", f"rocommunity {COMMUNITY}"]
    bridge, interfaces = ".1.3.6.1.2.1.17", ".1.3.6.1.2.1.31.1.1.1.1"
    for port in range(1, PORTS_OF_SWITCH + 1):
        lines.append(f"override {bridge}.1.4.1.2.{port} integer {1000 + port}")
        lines.append(f'override {interfaces}.{1000 + port} octet_str "Gi1/0/{port}"')
    for index in range(macs):
        octets = f"82.{number >> 8}.{number & 255}.0.{index >> 8}.{index & 255}"
        lines.append(f"override {bridge}.4.3.1.2.{octets} integer {1 + index % PORTS_OF_SWITCH}")
        lines.append(f"override {bridge}.4.3.1.3.{octets} integer 3")
    configuration.write_text("\n".join(lines) + "\n")
    state = {"SNMP_PERSISTENT_DIR": str(directory / f"{number}"), "MIBS": ""}
    command = ["snmpd", "-f", "-LE", "e", "-C", "-c", str(configuration), "-I", "-ifTable,ifXTable"]
    process = subprocess.Popen(command, env={**os.environ, **state}, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def measure(directory: Path, switches: int, macs: int, silent: int) -> float:
    """The time from the start of the poller until every switch that answers has told all its MACs, in seconds."""
    with tempfile.TemporaryDirectory(dir=directory) as name, ExitStack() as stack:
        state = Path(name)
        add_switches(state, switches + silent)
        for number in range(switches, switches + silent):
            swallow = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            swallow.bind((address(number), PORT))
        started = time.monotonic()
        stack.enter_context(poller(state))
        wait_for(Folder(state), [f"sw{number:03}" for number in range(switches)], macs)
        return time.monotonic() - started


def add_switches(state: Path, count: int) -> None:
    """A cluster that knows all switches."""
    from luna_core.model import Cluster, Switch

    settings = MachineSettings(
        state_directory=state, store=f"sqlite://{state / 'luna.db'}", key_file=state / "luna.key", no_plugins=True
    )
    with Luna(settings) as luna:
        luna.change(
            lambda work: objects.add(work, Cluster, "cluster", {"frontend_addresses": ["10.0.0.1"]}), "a cluster"
        )
        fields = {"community": COMMUNITY, "snmp_port": PORT}
        for number in range(count):
            where = {**fields, "addresses": [{"address": address(number)}]}
            name = f"sw{number:03}"
            luna.change(lambda work, name=name, where=where: objects.add(work, Switch, name, where), "a switch")


@contextmanager
def poller(state: Path) -> Iterator[None]:
    """The service that `luna serve` runs."""
    command = [sys.executable, "-m", "luna_discovery_switchport.poller"]
    environment = {**os.environ, "LUNA_STATE_DIRECTORY": str(state), "LUNA_NO_PLUGINS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for(folder: Folder, switches: Sequence[str], macs: int) -> None:
    """Return once the snapshots of these switches hold all MACs."""
    missing = set(switches)
    while missing:
        time.sleep(0.05)
        for name in [one for one in missing if (folder.snapshots / f"{one}.json").exists()]:
            snapshot = folder.read(name)
            if snapshot and len(snapshot.entries) == macs:
                missing.discard(name)


if __name__ == "__main__":
    main()
