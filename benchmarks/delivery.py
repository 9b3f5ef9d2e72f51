"""How long an image takes to reach N nodes and how often the controller sends it, by torrent, by http and by curl.

    python benchmarks/delivery.py [--nodes 1,4,8] [--megabytes 60] [--mbit 50]

Run it as root on a machine that does nothing else. Nodes are network namespaces on a switch, every link of the same
rate. All nodes share this machine's cores, so choose a rate at which they are idle half the time: then the ratios hold
for real machines. The limit is the image's bytes through one link; curl fetches one file of the same size.
"""

import argparse
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from luna_core.hooks import Hooks
from luna_core.plugins import PluginRecord, Plugins
from luna_core.settings import MachineSettings
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import CONTROLLER, Switch
from luna_core.types import ImageVersion

PLUGINS = ("luna_transport_torrent.plugin", "luna_transport_http.plugin")


@dataclass(frozen=True)
class Result:
    """When the last node had all bytes and had unpacked them, and what left the controller, in bytes."""

    received_s: float
    done_s: float
    sent_bytes: int


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", default="1,4,8", help="numbers of nodes (1,4,8)")
    parser.add_argument("--megabytes", type=int, default=60, help="size of the image (60)")
    parser.add_argument("--mbit", type=float, default=50, help="rate of every link (50)")
    given = parser.parse_args()
    print("nodes  way       received/limit  unpacked/limit  copies sent", flush=True)
    for nodes in (int(word) for word in given.nodes.split(",")):
        for way in ("torrent", "http", "curl"):
            with controller(nodes, given.mbit) as delivery:
                version = pack(delivery, given.megabytes)
                result = fetch_by_curl(delivery, version) if way == "curl" else fetch(delivery, version, way)
            limit_s = version.size_bytes * 8 / (given.mbit * 1e6)
            times = f"{result.received_s / limit_s:14.2f}  {result.done_s / limit_s:14.2f}"
            print(f"{nodes:5}  {way:8}  {times}  {result.sent_bytes / version.size_bytes:11.2f}", flush=True)


@contextmanager
def controller(nodes: int, mbit: float) -> Iterator[Delivery]:
    """A controller with both transports, and its nodes."""
    directory = Path(tempfile.mkdtemp(prefix="luna-benchmark-", dir="/dev/shm"))
    directory.chmod(0o755)
    os.environ["LUNA_STATE_DIRECTORY"] = str(directory)
    records = [PluginRecord(name=name, kind="plugin", origin=name) for name in PLUGINS]
    hooks = Hooks(Plugins(MachineSettings(), records))
    try:
        with Switch(nodes, node_mbit=mbit, controller_mbit=mbit) as switch, Delivery(directory, hooks, switch) as one:
            for port in (6881, 7051):
                one.wait_for_port(port)
            yield one
    finally:
        shutil.rmtree(directory)


def pack(delivery: Delivery, megabytes: int) -> ImageVersion:
    """An image of bytes that can't be compressed, known to the seeder when this returns."""
    tree = delivery.directory / "tree"
    tree.mkdir()
    for number in range(megabytes):
        (tree / f"file{number}").write_bytes(os.urandom(1_000_000))
    version = delivery.pack(tree)
    log = delivery.directory / "seeder.log"
    while version.manifest_sha256 not in log.read_text():
        time.sleep(0.1)
    return version


def fetch(delivery: Delivery, version: ImageVersion, transport: str) -> Result:
    """All nodes at once, by one transport only."""

    def start(machine: int) -> Callable[[], int]:
        endpoints = [one for one in delivery.endpoints(machine, version) if one.transport == transport]
        return delivery.fetch(machine, version, endpoints).wait

    result = measured(delivery, start)
    last = [
        float(match[1])
        for machine in nodes(delivery)
        if (match := re.search(r"([\d.]+) s: 100 % of the image", delivery.console(machine)))
    ]
    return Result(max(last, default=result.done_s), result.done_s, result.sent_bytes)


def fetch_by_curl(delivery: Delivery, version: ImageVersion) -> Result:
    """What an HTTP server and curl make of a file of this size."""
    (delivery.directory / "public/file").write_bytes(os.urandom(version.size_bytes))
    url = f"http://{delivery.switch.address(CONTROLLER)}:7051/file"

    def start(machine: int) -> Callable[[], int]:
        delivery.start(f"curl{machine}", ["curl", "--silent", "--output", os.devnull, url], machine)
        return delivery.processes.pop(f"curl{machine}").wait

    return measured(delivery, start)


def measured(delivery: Delivery, start: Callable[[int], Callable[[], int]]) -> Result:
    """Start a process on every node, wait for all of them, and see what the controller sent."""
    sent_bytes, begin_s = delivery.switch.sent_bytes(CONTROLLER), time.monotonic()
    for wait in [start(machine) for machine in nodes(delivery)]:
        if status := wait():
            raise SystemExit(f"a node ended with status {status}: {delivery.console(1)}")
    done_s = time.monotonic() - begin_s
    return Result(done_s, done_s, delivery.switch.sent_bytes(CONTROLLER) - sent_bytes)


def nodes(delivery: Delivery) -> range:
    """The machines that are nodes."""
    return delivery.switch.machines[1:]


if __name__ == "__main__":
    main()
