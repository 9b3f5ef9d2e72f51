"""What crosses the uplinks of racks, with nodes that prefer peers of their own rack and without.

    python benchmarks/racks.py [--racks 4] [--nodes 8] [--mbit 10] [--oversubscribed 4] [--seconds 25] [--slow 2]

Run it as root; it takes three minutes. Each rack is a switch of its own; its uplink carries what all its nodes together
could take, divided by --oversubscribed; the controller is above the racks, its link as fast as an uplink. "Share" is
the setting torrent.near_share; with 0 places don't matter. A copy is the image's bytes; "into" is what an uplink
carried down, headers included, divided by the rack's nodes: 1.05 / nodes is the least. The last line is "into" with
the first share over that with the last one. Where processors are the limit, or starting them takes long beside a small
image, uplinks carry less with 0 than they would. The limit is the image's bytes through a node's link.
With --slow a node comes first in its rack, by three seconds, and has a link of that rate; its own time doesn't count.
"""

import argparse
import statistics

import cluster
import ground
from delivery import CONTROLLER_FORMS, NODE_FORMS, by_luna

from luna_core.testing.switch import Switch

HEAD_START_S = 3.0
HEADER = "share  unpacked/limit  copies sent  copies per node: into a rack  out of it  the busiest into  own CPU  busy"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--racks", type=ground.count, default=4, help="number of racks (4)")
    parser.add_argument("--nodes", type=ground.count, default=8, help="nodes in each (8)")
    parser.add_argument("--mbit", type=ground.positive, default=10, help="rate of a node's link (10)")
    parser.add_argument("--oversubscribed", type=ground.positive, default=4, help="how much slower an uplink is (4)")
    parser.add_argument(
        "--seconds", type=ground.positive, default=25, help="how long a node's link carries the image (25)"
    )
    parser.add_argument("--shares", type=ground.shares, default="0.75,0", help="values of torrent.near_share (0.75,0)")
    parser.add_argument("--slow", type=ground.positive, help="rate of one rack's first node (as of all)")
    given = parser.parse_args()
    ground.need("ip", "tc")
    nodes = given.racks * given.nodes
    ground.need_memory(given.mbit * 1e6 / 8 * given.seconds * (CONTROLLER_FORMS + NODE_FORMS * nodes))
    print(ground.machine())
    uplink_mbit = given.nodes * given.mbit / given.oversubscribed
    print(
        f"{given.racks} racks of {given.nodes} nodes with {given.mbit:g} Mbit/s, uplinks and controller {uplink_mbit:g}"
    )
    print(HEADER, flush=True)
    into = []
    for near_share in given.shares:
        switch = Switch(
            nodes,
            node_mbit=given.mbit,
            controller_mbit=uplink_mbit,
            racks=given.racks,
            uplink_mbit=uplink_mbit,
        )
        text, copies = line(near_share, switch, given.mbit, given.seconds, given.slow)
        print(text, flush=True)
        into.append(copies)
    if len(into) > 1:
        print(f"into a rack: {into[0] / into[-1]:.2f} of what it is with {given.shares[-1]:g}")


def line(near_share: float, switch: Switch, mbit: float, seconds: float, slow_mbit: float | None) -> tuple[str, float]:
    """One delivery, as a line of the table, and the copies per node that came into a rack."""
    with cluster.cluster(switch, {"torrent.near_share": near_share}) as delivery:
        version = cluster.publish(delivery, cluster.random_tree(delivery, int(mbit * 1e6 / 8 * seconds)))
        before = [switch.uplink_bytes(rack) for rack in switch.racks]
        if slow_mbit:
            switch.shape(1, slow_mbit)
        result = by_luna(delivery, version, "torrent", HEAD_START_S if slow_mbit else 0)
        after = [switch.uplink_bytes(rack) for rack in switch.racks]
    copies_bytes = version.size_bytes * (len(switch.machines) - 1) / len(switch.racks)
    into, out = (
        [(done[way] - begun[way]) / copies_bytes for begun, done in zip(before, after, strict=True)] for way in (0, 1)
    )
    limit_s = version.size_bytes * 8 / (mbit * 1e6)
    last_s = max(result.ended.values())
    if slow_mbit:
        last_s = max(end_s for machine, end_s in result.ended.items() if machine != 1) - HEAD_START_S
    text = (
        f"{near_share:5}  {last_s / limit_s:14.2f}  {result.sent_bytes / version.size_bytes:11.2f}  "
        f"{statistics.mean(into):28.3f}  {statistics.mean(out):9.3f}  {max(into):16.3f}  "
        f"{result.own_share:7.0%}  {result.busy_share:4.0%}"
    )
    return text, statistics.mean(into)


if __name__ == "__main__":
    main()
