"""How long an image takes to reach N nodes and what that costs, by luna and by what else there is.

    python benchmarks/delivery.py [--nodes 1,2,4,8,16,32] [--ways torrent,http,curl,aria2,udpcast] [--seconds 10]

Run it as root on a machine that does nothing else; all of it takes a quarter of an hour. Nodes are network namespaces
on a switch, every link of the same rate. All nodes share this machine's processors, so the rate is the highest, up to
100 Mbit/s, at which they should be idle half the time (--mbit sets another); where "busy" is near 100 % they were the
bound all the same. The image is what a link carries in --seconds; where each node fetches its own copy it is smaller,
so that all together need four times as long at most. Clocks run from the start of the clients' processes.

torrent and http are luna's client. curl, aria2 and udpcast bring one .tar.zst of the same files, unpacked by tar.
"""

import argparse
from collections.abc import Sequence

import cluster
from peers import Peers

from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch
from luna_core.types import ImageVersion

WAYS = ("torrent", "http", "curl", "aria2", "udpcast")
PROGRAMS = {"curl": ("curl", "nginx"), "aria2": ("aria2c", "curl"), "udpcast": ("udp-sender", "udp-receiver")}
UNICAST = ("http", "curl")
MOST_MBIT = 100.0
# What a node and its share of the controller take by torrent, unpacking and the start of the processes included.
CPU_S_PER_GB = 10.0
HEADER = (
    "nodes  Mbit/s    MB  way      received/limit  unpacked/limit  copies sent  "
    "CPU s/GB: node  controller  client MB  own CPU  busy"
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1,2,4,8,16,32", help="numbers of nodes (1,2,4,8,16,32)")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"what to measure ({','.join(WAYS)})")
    parser.add_argument("--seconds", type=float, default=10, help="how long a link carries the image (10)")
    parser.add_argument("--mbit", type=float, help="rate of every link; by default as above")
    given = parser.parse_args()
    ways = given.ways.split(",")
    if unknown := sorted(set(ways) - set(WAYS)):
        parser.error(f"--ways: {unknown[0]!r} was given; accepted are {', '.join(WAYS)}.")
    cluster.need("ip", "tc", "tar", "zstd", *(program for way in ways for program in PROGRAMS.get(way, ())))
    print(cluster.machine())
    print(HEADER, flush=True)
    for nodes in (int(word) for word in given.nodes.split(",")):
        mbit = given.mbit or rate_mbit(nodes)
        for way in ways:
            seconds = given.seconds * (min(1, 4 / nodes) if way in UNICAST else 1)
            print(line(nodes, mbit, way, *measure(nodes, mbit, seconds, way)), flush=True)


def rate_mbit(nodes: int) -> float:
    """The links' rate at which luna should leave half of this machine idle."""
    return min(MOST_MBIT, round(cluster.CORES / 2 / (nodes * CPU_S_PER_GB) * 8000))


def measure(nodes: int, mbit: float, seconds: float, way: str) -> tuple[cluster.Result, int]:
    """One delivery, and the image's size."""
    with cluster.cluster(Switch(nodes, node_mbit=mbit, controller_mbit=mbit)) as delivery:
        tree = cluster.random_tree(delivery, int(mbit * 1e6 / 8 * seconds))
        version = cluster.publish(delivery, tree)
        if way in ("torrent", "http"):
            return by_luna(delivery, version, way), version.size_bytes
        peers = Peers(delivery, tree, mbit)
        ways = {"curl": peers.curl, "aria2": peers.aria2, "udpcast": peers.udpcast}
        return ways[way](), version.size_bytes


def by_luna(delivery: Delivery, version: ImageVersion, transport: str) -> cluster.Result:
    """By luna's client with one transport only."""
    endpoints = {
        machine: [one for one in delivery.endpoints(machine, version) if one.transport == transport]
        for machine in delivery.switch.machines[1:]
    }
    return cluster.measured(
        delivery,
        lambda machine: delivery.fetch(machine, version, endpoints[machine]),
        lambda machine: delivery.phase_s(machine, "download"),
    )


def line(nodes: int, mbit: float, way: str, result: cluster.Result, size_bytes: int) -> str:
    """A line of the table."""
    limit_s, gigabytes = size_bytes * 8 / (mbit * 1e6), size_bytes / 1e9
    columns: Sequence[str] = (
        f"{nodes:5}  {mbit:6.0f}  {size_bytes / 1e6:4.0f}  {way:7}",
        f"{result.received_s / limit_s:14.2f}  {result.unpacked_s / limit_s:14.2f}",
        f"{result.sent_bytes / size_bytes:11.2f}",
        f"{result.node_cpu_s / nodes / gigabytes:14.1f}  {result.controller_cpu_s / gigabytes:10.1f}",
        f"{result.memory_bytes / 1e6:9.0f}  {result.own_share:7.0%}  {result.busy_share:4.0%}",
    )
    return "  ".join(columns)


if __name__ == "__main__":
    main()
