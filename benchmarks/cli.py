"""How long `luna` takes from its start to its end, by the number of nodes, beside Python's own start.

    python benchmarks/cli.py [--rounds 7] [--sizes 100,1000,10000]

Run it on a machine that does nothing else. The store is the embedded one; all commands of a round run in turn, so that
whatever else the machine does falls on all alike. Seconds by the clock, the least and the median of the rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ground

from luna_core.model import Cluster, Group, Network
from luna_core.operations import connect
from luna_core.operations.interfaces import set_interface
from luna_core.operations.nodes import add_nodes
from luna_core.operations.objects import add
from luna_core.settings import machine_settings

LUNA = str(Path(sys.executable).with_name("luna"))
FLOOR = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
}


def commands(size: int) -> dict[str, list[str]]:
    """What is measured in a cluster of `size` nodes."""
    middle = size // 2
    return {
        f"node list, {size:,} nodes": [LUNA, "node", "list"],
        f"node show NAME, {size:,} nodes": [LUNA, "node", "show", f"node{middle:05d}"],
        f"node show @mac:MAC, {size:,} nodes": [LUNA, "node", "show", f"@mac:{mac(middle)}"],
    }


def mac(number: int) -> str:
    """The MAC of the node with this number."""
    return ":".join(f"{octet:02x}" for octet in (0x52, 0x54, 0, *number.to_bytes(3)))


def make_cluster(directory: Path, size: int) -> None:
    """A cluster of one network and one group."""
    settings = machine_settings(environment(directory))
    numbers = range(1, size + 1)
    with connect(settings) as luna:
        luna.change(lambda work: add(work, Cluster, "cluster", {"frontend_addresses": ["10.141.255.254"]}), "cluster")
        luna.change(lambda work: add(work, Network, "cluster", {"subnets": [{"network": "10.141.0.0/16"}]}), "network")
        luna.change(lambda work: add(work, Group, "compute", {}), "group")
        fields = {"networks": ["cluster"]}
        luna.change(lambda work: set_interface(work, Group, "compute", "BOOTIF", fields, new=True), "interface")
        names = [f"node{number:05d}" for number in numbers]
        macs = [mac(number) for number in numbers]
        luna.change(lambda work: add_nodes(work, names, {"group": "compute"}, macs=macs), "nodes")


def environment(directory: Path) -> dict[str, str]:
    """The environment of a `luna` that works in this directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LUNA_")}
    return {**kept, "LUNA_STATE_DIRECTORY": str(directory)}


def seconds(command: list[str], directory: Path) -> float:
    """How long a command takes; raises CalledProcessError if it fails."""
    begin = time.perf_counter()
    subprocess.run(command, env=environment(directory), stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default="100,1000,10000")
    arguments = parser.parse_args()
    ground.end_cleanly()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        jobs = {what: (command, root) for what, command in FLOOR.items()}
        for size in map(int, arguments.sizes.split(",")):
            directory = root / str(size)
            directory.mkdir()
            make_cluster(directory, size)
            jobs |= {what: (command, directory) for what, command in commands(size).items()}
        for job in jobs.values():  # the first round fills caches and isn't counted
            seconds(*job)
        took: dict[str, list[float]] = {what: [] for what in jobs}
        for _ in range(arguments.rounds):
            for what, job in jobs.items():
                took[what].append(seconds(*job))
    print(f"{'':36} {'least s':>8} {'median s':>9}")
    for what, figures in took.items():
        print(f"{what:36} {min(figures):8.3f} {statistics.median(figures):9.3f}")


if __name__ == "__main__":
    main()
