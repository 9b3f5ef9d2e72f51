"""How long kernel and initramfs take to reach N nodes: from the controller to all at once, in waves, and by relays.

    python benchmarks/relays.py [--nodes 8,32,64] [--megabytes 2.25] [--mbit 50] [--wave 16]
    python benchmarks/relays.py --nodes 128,256 --ways unicast,relays --mbit 12.5 --wave 4 --kernel-s 8

Run it as root on a machine that does nothing else; it takes about two unicasts for each number of nodes. Nodes are
threads that talk as iPXE does, each in a network namespace on a switch, every link of the same rate; lweb and the file
server are real, and so is the relay of luna_core.node. With files and links a twentieth of 45 MB and 1 Gbit/s, all
times are those of a real cluster: `--kernel-s` between the last byte and the initramfs's network, `--install-s` from
there until the node leaves the installer. The limit is both files through one link.
"""

import argparse
import ctypes
import fcntl
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Barrier, Event, Thread
from urllib.parse import urlencode, urlsplit

import cluster
import ground

from luna_core.boot.waves import FIRST_COPIES
from luna_core.model import Cluster, Group, Network
from luna_core.node.relay import relay
from luna_core.operations import Luna, Work, connect
from luna_core.operations.configure import set_setting
from luna_core.operations.interfaces import set_interface
from luna_core.operations.nodes import add_nodes
from luna_core.operations.objects import add
from luna_core.run import run
from luna_core.settings import MachineSettings
from luna_core.testing.image import Sizes, offer_random_image
from luna_core.testing.switch import CONTROLLER, Switch

LUNA = Path(sys.executable).with_name("luna")
PORT, FILES_PORT = 7050, 7051
WAYS = {
    "unicast": {"boot.wave": "0", "boot.relays": "no"},
    "waves": {"boot.relays": "no"},
    "relays": {"boot.relays": "yes"},
}
NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
MOST_NEIGHBOURS = 16384
MODELLED = (32, 128, 512, 4096)
CLONE_NEWNET = 0x40000000
SIOCGIFHWADDR = 0x8927
WAIT_S = 60.0
KERNEL_BYTES = 100_000
BLOCK = 64 << 10


@dataclass(kw_only=True)
class Node:
    """A node: when it had both files, in seconds from power-on, and whether from a relay."""

    name: str
    mac: str
    loaded_s: float = 0.0
    by_relay: bool = False
    fallbacks: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long the node's own parts of a boot last."""

    kernel_s: float
    install_s: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=ground.counts, default="8,32,64", help="numbers of nodes (8,32,64)")
    parser.add_argument("--ways", type=ground.some_of(WAYS), default=",".join(WAYS), help="unicast,waves,relays (all)")
    parser.add_argument("--megabytes", type=ground.positive, default=2.25, help="kernel and initramfs (2.25)")
    parser.add_argument("--mbit", type=ground.positive, default=50, help="rate of every link (50)")
    parser.add_argument(
        "--wave", type=ground.count, default=16, help="how many load from the controller at once, unless unicast (16)"
    )
    parser.add_argument("--kernel-s", type=float, default=15, help="from the last byte to the initramfs's network (15)")
    parser.add_argument("--install-s", type=float, default=40, help="from there to the end of the installer (40)")
    given = parser.parse_args()
    if given.megabytes <= KERNEL_BYTES / 1e6:
        parser.error(f"--megabytes: '{given.megabytes:g}' was given; accepted is more than {KERNEL_BYTES / 1e6:g}.")
    ground.need("ip", "tc", "ss")
    limit_s = given.megabytes * 8 / given.mbit
    print(ground.machine())
    print(f"limit {limit_s:.2f} s a node; kernel {given.kernel_s:g} s")
    model = [f"{count}: {model_s(count, given.wave, limit_s, given.kernel_s):.0f} s" for count in MODELLED]
    print(f"the last with relays by the model: {', '.join(model)}; of unicast: N x limit")
    print("nodes  way      first s  median s  last s  of N x limit  of unicast  copies sent  relayed  fallbacks  busy")
    times = Times(kernel_s=given.kernel_s, install_s=given.install_s)
    with _room_for_neighbours():
        for count in given.nodes:
            unicast_s = 0.0
            for way in given.ways:
                size_bytes = int(given.megabytes * 1e6)
                settings = {"boot.wave": str(given.wave), **WAYS[way]}
                nodes, sent_bytes, busy = measure(count, settings, size_bytes, given.mbit, times)
                loaded = sorted(one.loaded_s for one in nodes)
                unicast_s = loaded[-1] if way == "unicast" else unicast_s
                share = f"{loaded[-1] / unicast_s:.2f}" if unicast_s else ""
                print(
                    f"{count:5}  {way:7}  {loaded[0]:7.1f}  {statistics.median(loaded):8.1f}  {loaded[-1]:6.1f}  "
                    f"{loaded[-1] / limit_s / count:12.2f}  {share:>10}  {sent_bytes / size_bytes:11.1f}  "
                    f"{sum(one.by_relay for one in nodes):7}  {sum(one.fallbacks for one in nodes):9}  "
                    f"{busy:4.0%}",
                    flush=True,
                )


def model_s(count: int, wave: int, limit_s: float, kernel_s: float, ahead: float = 1.0) -> float:
    """When the last node has both files if only links and the kernel's start take time.

    The controller's link is `ahead` times as fast as a node's, whose limit is `limit_s`. The first wave loads, its
    kernels start, and the first relays load beside the second wave. Half of what relays give goes to further relays, so
    that with each load there are half as many more.
    """
    load_s = limit_s / ahead
    first_s = 2 * max(limit_s, wave * load_s) + max(limit_s, FIRST_COPIES * load_s) + kernel_s
    left = count - first_s / load_s
    unicast_s = max(limit_s, count * load_s)
    if left <= 0:
        return unicast_s
    return min(unicast_s, first_s + limit_s * math.log(max(1.0, left / FIRST_COPIES), 1.5))


def measure(
    count: int, settings: dict[str, str], size_bytes: int, mbit: float, times: Times
) -> tuple[Sequence[Node], int, float]:
    """All nodes at once; what the controller sent until the last of them had both files, in bytes, and how busy it was.

    That is the share of this machine's processors, whoever used them.
    """
    with ground.memory_directory() as directory, Switch(count, node_mbit=mbit, controller_mbit=mbit) as switch:
        nodes = [Node(name=f"node{one:04}", mac=_mac(switch, one)) for one in switch.machines[1:]]
        with _controller(directory, switch, nodes, settings, size_bytes):
            begin, ended = Barrier(count + 1), Event()
            threads = [
                Thread(target=_node, args=(switch, machine, one, times, begin, ended), daemon=True)
                for machine, one in enumerate(nodes, 1)
            ]
            for thread in threads:
                thread.start()
            begin.wait()
            before, begun = switch.sent_bytes(CONTROLLER), cluster.processor_s()
            while not all(one.loaded_s or one.errors for one in nodes):
                time.sleep(0.2)
            sent = switch.sent_bytes(CONTROLLER) - before
            busy = cluster.busy_share(begun, cluster.processor_s())
            ended.set()
            for thread in threads:
                thread.join()
    if errors := [f"{one.name}: {one.errors[0]}" for one in nodes if one.errors]:
        raise SystemExit(f"{len(errors)} nodes failed, the first {errors[0]}")
    return nodes, sent, busy


def _node(switch: Switch, machine: int, node: Node, times: Times, begin: Barrier, ended: Event) -> None:
    """Power-on to the end of the installer, or of the measurement."""
    _enter(switch.namespace(machine))
    url = f"http://{switch.address(CONTROLLER)}:{PORT}"
    begin.wait()
    try:
        token = _load(url, node, time.monotonic(), ended)
        if ended.wait(times.kernel_s) or not token:
            return
        _get(f"{url}/boot/install?node={node.name}", token)
        stopped = Event()
        relaying = Thread(target=relay, args=(url, token, stopped), daemon=True)
        relaying.start()
        ended.wait(times.install_s)
        for status in ("started", "done"):
            _get(f"{url}/boot/status", token, urlencode({"node": node.name, "phase": "finish", "status": status}))
        stopped.set()
        relaying.join()
    except Exception as error:  # whatever it is, it is shown
        node.errors.append(repr(error))


def _load(url: str, node: Node, begin_s: float, ended: Event) -> str:
    """Ask until it may load, load as the script says, and return the token if it is to relay."""
    discovery = f"{url}/boot/discovery?{urlencode({'booted': node.mac, 'mac': node.mac})}"
    following = f"{url}/boot/ipxe"
    while True:
        script = _get(following).decode()
        sources = re.findall(r"^kernel .*?(http\S+/)kernel ", script, re.MULTILINE)
        if sources:
            break
        chain = re.search(r"^chain --replace --autofree (\S+)", script, re.MULTILINE)
        pause = re.search(r"^sleep (\d+)\n:ask", script, re.MULTILINE)
        if chain is None or (pause and ended.wait(int(pause[1]))):
            raise ValueError(f"no boot script: {script[:200]}")
        following = discovery if "/boot/discovery" in chain[1] else chain[1]
    for source in sources:
        try:
            for name in ("kernel", "initramfs"):
                _get(source + name)
            break
        except (OSError, HTTPException):
            node.fallbacks += 1
    node.by_relay = len(sources) > 1 and source == sources[0]
    node.loaded_s = time.monotonic() - begin_s
    if ticket := re.search(r"http\S+/boot/loaded/\S+", script):
        _get(ticket[0])
    token = re.search(r"luna\.session=(\S+)", script)
    return token[1] if token and "luna.relay=1" in script else ""


def _get(url: str, token: str = "", form: str | None = None) -> bytes:
    """The body; read as it comes, so that no part of it is slower than the link."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=600)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("POST" if form else "GET", url.partition(parts.netloc)[2], form, headers)
        response = connection.getresponse()
        body = bytearray()
        while block := response.read(BLOCK):
            body += block
        if response.status != 200:
            raise OSError(f"{url}: {response.status} {body[:200]!r}")
        return bytes(body)
    finally:
        connection.close()


@contextmanager
def _controller(
    directory: Path, switch: Switch, nodes: Sequence[Node], settings: dict[str, str], size_bytes: int
) -> Iterator[None]:
    """`luna serve` for a cluster whose nodes are known by their MACs."""
    os.environ.update(LUNA_STATE_DIRECTORY=str(directory), LUNA_STORE="")
    machine = MachineSettings(
        state_directory=directory, store=f"sqlite://{directory}/luna.db", key_file=directory / "luna.key"
    )
    with connect(machine, who="benchmark") as luna:
        luna.change(lambda work: _cluster(work, luna, switch, directory, settings), "a cluster")
        offer_random_image(
            luna, "compute", directory, Sizes(kernel_bytes=KERNEL_BYTES, initramfs_bytes=size_bytes - KERNEL_BYTES)
        )
        luna.change(lambda work: _nodes(work, nodes), "nodes")
    with (directory / "log").open("wb") as log:
        command = [*switch.inside(CONTROLLER), str(LUNA), "serve"]
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
    try:
        for port in (PORT, FILES_PORT):
            _wait_for(switch, port, directory / "log")
        yield
    finally:
        process.terminate()
        process.wait()


def _cluster(work: Work, luna: Luna, switch: Switch, directory: Path, settings: dict[str, str]) -> None:
    add(work, Cluster, "cluster", {"frontend_addresses": [str(switch.address(CONTROLLER))]})
    add(work, Network, "cluster", {"subnets": [{"network": "10.77.0.0/16"}]})
    given = {"http.port": PORT, "http.files_port": FILES_PORT, "dhcp.server": "none", "dns.server": "none"}
    for name, value in {**given, **settings, "tftp.directory": directory / "tftp", "boot.up_port": 0}.items():
        set_setting(work, luna.declared_settings(), name, str(value))


def _nodes(work: Work, nodes: Sequence[Node]) -> None:
    add(work, Group, "compute", {"osimage": "compute", "boot_address": "dhcp"})
    set_interface(work, Group, "compute", "BOOTIF", {"networks": ["cluster"]}, new=True)
    add_nodes(work, [one.name for one in nodes], {"group": "compute"}, macs=[one.mac for one in nodes])


def _wait_for(switch: Switch, port: int, log: Path) -> None:
    until_s = time.monotonic() + WAIT_S
    listening = [*switch.inside(CONTROLLER), "ss", "--listening", "--tcp", "--numeric", "--no-header"]
    while not re.search(rf":{port}\s", run(listening)):
        if time.monotonic() > until_s:
            sys.exit(f"nothing listens on port {port}:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _enter(namespace: str) -> None:
    """Put this thread, and what it starts, into a network namespace: setns(2)."""
    with Path(f"/run/netns/{namespace}").open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _mac(switch: Switch, machine: int) -> str:
    found: list[str] = []

    def look() -> None:
        _enter(switch.namespace(machine))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            found.append(fcntl.ioctl(one, SIOCGIFHWADDR, b"eth0".ljust(256, b"\0"))[18:24].hex(":"))

    thread = Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


@contextmanager
def _room_for_neighbours() -> Iterator[None]:
    """The kernel counts the neighbours of all namespaces together."""
    before = NEIGHBOURS.read_text()
    NEIGHBOURS.write_text(str(max(MOST_NEIGHBOURS, int(before))))
    try:
        yield
    finally:
        with suppress(OSError):
            NEIGHBOURS.write_text(before)


if __name__ == "__main__":
    main()
