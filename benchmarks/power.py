"""How long `luna power status` takes for many BMCs, beside as many ipmitool processes, with and without dead ones.

    python benchmarks/power.py [--bmcs 256] [--dead 16] [--parallel 64] [--repeat 3] [--ipmitool 3]

Each BMC is an ipmi_sim of its own on an address of the loopback network; a dead one takes datagrams and never answers.
ipmitool is told cipher suite 3 (-C 3), which saves it the 10 s that it would wait for ipmi_sim to say what it has.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import ground

from luna_bmc_ipmi.testing import SimulatedBmc, free_port
from luna_core.run import run

PORT = free_port("127.1.0.1")
LUNA = Path(sys.executable).with_name("luna")
IPMITOOL = ("ipmitool", "-I", "lanplus", "-C", "3", "-p", str(PORT), "-U", "admin", "-E", "-H", "{}", "power", "status")
ANSWER = re.compile(r"node\d+: (on|off)$|Chassis Power is (on|off)$")
SAMPLE_S = 0.1


@dataclass(frozen=True)
class Timing:
    """One question to all BMCs: how many answered, when the last of those did, and when the command was over."""

    answers: int
    last_s: float
    over_s: float


def main() -> None:
    """Measure and print; exit status 1 if a BMC that is well has not answered luna."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bmcs", type=int, default=256, help="how many (256)")
    parser.add_argument("--dead", type=int, default=16, help="how many of them are then dead (16)")
    parser.add_argument("--parallel", type=int, default=64, help="how many are asked at once (64)")
    parser.add_argument("--repeat", type=int, default=3, help="how often luna is measured (3)")
    parser.add_argument("--ipmitool", type=int, default=3, help="in how many of those ipmitool is measured, too (3)")
    given = parser.parse_args()
    ground.end_cleanly()
    turns = [number < given.ipmitool for number in range(given.repeat)]
    print(ground.machine())
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="luna-benchmark-")))
        addresses = make_cluster(directory, given.bmcs)
        bmcs = stack.enter_context(simulated(directory, addresses))
        luna = [str(LUNA), "power", "status", "--parallel", str(given.parallel), f"node[001-{given.bmcs:03}]"]
        ipmitool = ["xargs", f"--max-procs={given.parallel}", "-I{}", *IPMITOOL]
        print(f"memory of luna and its processes at most: {peak_bytes(luna) / 1e6:.0f} MB", flush=True)
        well_s = compare("all well", turns, luna, ipmitool, directory, expected=given.bmcs)
        for bmc in bmcs[:: max(1, given.bmcs // given.dead)][: given.dead]:
            bmc.stop()
            stack.enter_context(black_hole(bmc.address))
        expected = given.bmcs - given.dead
        ill_s = compare(f"{given.dead} dead", turns, luna, ipmitool, directory, expected=expected)
    print(f"the last that is well answers after {ill_s / well_s:.2f} of the time that it takes when all are")


def make_cluster(directory: Path, bmcs: int) -> list[str]:
    """A cluster in `directory`, which the environment then names; returns the addresses of its nodes' BMCs."""
    os.environ |= {"LUNA_STATE_DIRECTORY": str(directory), "IPMI_PASSWORD": "secret"}
    for words in (
        "cluster init --frontend-address 127.1.255.254",
        "network add ipmi --network 127.1.0.0/16",
        f"bmcsetup add default --user admin --password @- --option port={PORT}",
        "group add compute --bmcsetup default",
        "group interface add compute BMC --network ipmi",
        f"node add node[001-{bmcs:03}] --group compute",
    ):
        run([LUNA, *words.split()], stdin="secret")
    nodes = json.loads(run([LUNA, "node", "list", "-o", "json"]))
    addresses = [str(node["addresses"]["BMC"][0]) for node in nodes]
    (directory / "addresses").write_text("\n".join(addresses))
    return addresses


@contextmanager
def simulated(directory: Path, addresses: Sequence[str]) -> Iterator[list[SimulatedBmc]]:
    """A BMC at each address."""
    bmcs = [SimulatedBmc(directory / address, address=address, port=PORT, chassis=False) for address in addresses]
    try:
        for bmc in bmcs:
            bmc.launch()
        for bmc in bmcs:
            bmc.wait()
        yield bmcs
    finally:
        for bmc in bmcs:
            bmc.stop()


@contextmanager
def black_hole(address: str) -> Iterator[None]:
    """Something at the address that takes every datagram and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((address, PORT))
        yield


def compare(
    what: str, turns: Sequence[bool], luna: Sequence[str], ipmitool: Sequence[str], directory: Path, *, expected: int
) -> float:
    """Run luna, and where a turn says so ipmitool, and print them; returns luna's median time for its last answer."""
    last_s, ratios = [], []
    for with_ipmitool in turns:
        ours = ask(luna, directory / "addresses")
        last_s.append(ours.last_s)
        print(f"{what}: luna {shown(ours)}", end="", flush=True)
        if with_ipmitool:
            theirs = ask(ipmitool, directory / "addresses")
            ratios.append(ours.over_s / theirs.over_s)
            print(f"; ipmitool {shown(theirs)}; ratio {ratios[-1]:.2f}", end="")
        print(flush=True)
        if ours.answers != expected:
            sys.exit(f"luna has {ours.answers} answers; {expected} BMCs are well")
    if ratios:
        print(f"{what}: median ratio {statistics.median(ratios):.2f}, worst {max(ratios):.2f}", flush=True)
    return statistics.median(last_s)


def ask(command: Sequence[str], standard_input: Path) -> Timing:
    """Run a command that prints a line for each BMC that answers."""
    answers, last_s, began = 0, 0.0, time.monotonic()
    with (
        standard_input.open() as addresses,
        subprocess.Popen(  # noqa: S603 - this file's own commands
            command, stdin=addresses, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            if ANSWER.match(line):
                answers += 1
                last_s = time.monotonic() - began
    return Timing(answers, last_s, time.monotonic() - began)


def shown(timing: Timing) -> str:
    """In words."""
    return f"{timing.answers} answers, the last after {timing.last_s:.2f} s, over after {timing.over_s:.2f} s"


def peak_bytes(command: Sequence[str]) -> int:
    """The most memory (PSS) that a command and all its processes have at once."""
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - this file's own command
        while process.poll() is None:
            peak = max(peak, sum(map(proportional_bytes, family(process.pid))))
            with suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_S)
    return peak


def family(ancestor: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = {ancestor}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def proportional_bytes(process: int) -> int:
    """Its memory, with a share of what it shares (proc(5), smaps_rollup); 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
