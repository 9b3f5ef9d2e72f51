"""How long an image takes to reach N nodes and what that costs, by luna and by what else there is.

    python benchmarks/delivery.py [--nodes 1,2,4,8,16,32] [--ways torrent,http,curl,aria2,udpcast]
                                  [--seconds S] [--mbit M] [--request-queue Q] [--into FILE]

Run it as root on a machine that does nothing else; all of it takes twenty minutes. Nodes are network namespaces on a
switch, every link of the same rate. Clocks run from the start of the clients' processes.

All nodes share this machine's processors, so what is measured is a cluster scaled down: the fewer processors for a
node, the slower its link, up to 100 Mbit/s, that half of them should be idle; the longer the image takes through a
link, ten seconds at least, that the start of all clients here takes a sixteenth of it (real nodes start at once); the
shorter the seeder's queue (torrent.request_queue), lest it holds seconds of a slow link. Shards are two pieces, as of
an image of a gigabyte. Where each node fetches its own copy the image is smaller: it takes forty seconds at most.

"limit" is the image's bytes / rate, and times are told in limits; framing alone costs 1.045 of it. "full" is the share
of the time in which no processor was idle; from a tenth on the processors and not the links were the bound, and the
last column says so. "behind" is how much longer the last unpacking took than the last byte. torrent and http are luna's
client. curl, aria2 and udpcast bring one .tar.zst of the same files, unpacked by tar. --into keeps all figures.
"""

import argparse
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cluster
import ground
from peers import Peers

from luna_core.image.cut import SHARD_BYTES
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch
from luna_core.types import ImageVersion
from luna_transport_torrent.profile import REQUEST_QUEUE
from luna_transport_torrent.publishing import piece_bytes

WAYS = ("torrent", "http", "curl", "aria2", "udpcast")
PROGRAMS = {"curl": ("curl", "nginx"), "aria2": ("aria2c", "curl"), "udpcast": ("udp-sender", "udp-receiver")}
UNICAST = ("http", "curl")
MOST_MBIT = 100.0
LEAST_S = 10.0
# What a node and its share of the controller take by torrent, and what the start of its processes takes before.
CPU_S_PER_GB = 22.0
START_CPU_S = 0.22
FULL_SHARE = 0.1
# Files in memory: those of the controller, in each of their forms, and what each node receives and unpacks.
CONTROLLER_FORMS, NODE_FORMS = 3, 2
HEADER = (
    "                             limit  in limits:                copies  CPU s for a GB:  client   own\n"
    "nodes  Mbit/s  queue   MB  way      s  received unpacked behind  sent   node controller  MB  CPU busy full  bound"
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A number of nodes, the rate of every link, how long one carries the image, and the seeder's queue."""

    nodes: int
    mbit: float
    seconds: float
    queue: int

    def image_bytes(self, way: str) -> int:
        """How large an image is delivered in one of the ways."""
        seconds = min(self.seconds, 4 * LEAST_S / self.nodes) if way in UNICAST else self.seconds
        return int(self.mbit * 1e6 / 8 * seconds)

    def memory_bytes(self, way: str) -> int:
        """How much of this machine's memory the files take that it is delivered from and to."""
        return self.image_bytes(way) * (CONTROLLER_FORMS + NODE_FORMS * self.nodes)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=ground.counts, default="1,2,4,8,16,32", help="numbers of nodes (1,2,4,8,16,32)")
    default = ",".join(WAYS)
    parser.add_argument("--ways", type=ground.some_of(WAYS), default=default, help=f"what to measure ({default})")
    parser.add_argument("--seconds", type=ground.positive, help="how long a link carries the image; default as above")
    parser.add_argument("--mbit", type=ground.positive, help="rate of every link; default as above")
    parser.add_argument("--request-queue", type=ground.count, help="blocks that a peer may ask for ahead; as above")
    parser.add_argument("--into", type=Path, help="file to append the figures to, as lines of JSON")
    given = parser.parse_args()
    ground.need("ip", "tc", "tar", "zstd", *(program for way in given.ways for program in PROGRAMS.get(way, ())))
    cases = [
        Case(
            nodes=nodes,
            mbit=given.mbit or min(MOST_MBIT, max(1, round(ground.CORES / 2 / (nodes * CPU_S_PER_GB) * 8000))),
            seconds=given.seconds or max(LEAST_S, 16 * nodes * START_CPU_S / ground.CORES),
            queue=given.request_queue or max(2, min(REQUEST_QUEUE, round(12 / nodes**0.5))),
        )
        for nodes in given.nodes
    ]
    ground.need_memory(max(one.memory_bytes(way) for one in cases for way in given.ways))
    print(ground.machine())
    print(HEADER, flush=True)
    for case, way in product(cases, given.ways):
        result, size_bytes = measure(case, way)
        print(line(case, way, result, size_bytes), flush=True)
        ground.keep(given.into, {**vars(case), "way": way, "image_bytes": size_bytes, **vars(result)})


def measure(case: Case, way: str) -> tuple[cluster.Result, int]:
    """One delivery, and the image's size."""
    switch = Switch(case.nodes, node_mbit=case.mbit, controller_mbit=case.mbit)
    with cluster.cluster(switch, {"torrent.request_queue": case.queue}) as delivery:
        size_bytes = case.image_bytes(way)
        tree = cluster.random_tree(delivery, size_bytes)
        shard_bytes = min(SHARD_BYTES, 2 * piece_bytes({"tree": size_bytes}))
        version = cluster.publish(delivery, tree, shard_bytes=shard_bytes)
        if way in ("torrent", "http"):
            return by_luna(delivery, version, way), version.size_bytes
        peers = Peers(delivery, tree, case.mbit)
        ways = {"curl": peers.curl, "aria2": peers.aria2, "udpcast": peers.udpcast}
        return ways[way](), version.size_bytes


def by_luna(delivery: Delivery, version: ImageVersion, transport: str, head_start_s: float = 0.0) -> cluster.Result:
    """By luna's client with one transport only; the first node starts some seconds before the others."""
    endpoints = {
        machine: [one for one in delivery.endpoints(machine, version) if one.transport == transport]
        for machine in delivery.switch.machines[1:]
    }

    def start(machine: int) -> "subprocess.Popen[bytes]":
        client = delivery.fetch(machine, version, endpoints[machine])
        time.sleep(head_start_s * (machine == 1))
        return client

    return cluster.measured(delivery, start, lambda machine: delivery.phase_s(machine, "download"))


def line(case: Case, way: str, result: cluster.Result, size_bytes: int) -> str:
    """A line of the table."""
    limit_s, gigabytes = size_bytes * 8 / (case.mbit * 1e6), size_bytes / 1e9
    columns: Sequence[str] = (
        f"{case.nodes:5}  {case.mbit:6.4g}  {case.queue:5}  {size_bytes / 1e6:3.0f}  {way:7} {limit_s:2.0f}",
        f"{result.received_s / limit_s:8.2f} {result.unpacked_s / limit_s:8.2f}",
        f"{result.unpacked_s / max(result.received_s, 0.001) - 1:5.1%} {result.sent_bytes / size_bytes:5.2f}",
        f"{result.node_cpu_s / case.nodes / gigabytes:5.1f} {result.controller_cpu_s / gigabytes:10.1f}",
        f"{result.memory_bytes / 1e6:2.0f} {result.own_share:4.0%} {result.busy_share:4.0%}",
        f"{result.full_share:3.0%}  {'processors' if result.full_share > FULL_SHARE else 'links'}",
    )
    return "  ".join(columns)


if __name__ == "__main__":
    main()
