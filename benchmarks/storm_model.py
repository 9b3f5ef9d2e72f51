"""How long 512 to 16,384 nodes take in racks with oversubscribed uplinks: a model, and measured storms beside it.

    python benchmarks/storm_model.py [--svg FILE] [--measured STORMS.jsonl]

It counts bytes through links, and what the boot server computes; nothing is drawn by lot, so it takes no time. What
benchmarks/storm.py measured is put beside what the model says of the same nodes, sizes and rates. All nodes of a storm
share the processors of one machine, which the model doesn't know: a storm that kept them busy is shown, but doesn't
count for the model's error.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relays import model_s
from storm import busy

from luna_lab.storm_report import curves

# TCP and Ethernet framing; the seeder's copies at eight nodes and more; its share of the controller's link while boots
# wait; piece times that a swarm needs, by the square of how often its nodes doubled: fitted to storms of 4 to 64 nodes
# whose pieces took 0.1 to 0.5 s.
FRAMING = 1.045
COPIES = 1.15
SEEDER_SHARE = 1 / 3
PIECE_TIMES = 0.7
# How many copies of an image enter a rack, one and some for each node that leads; and what of it comes from other racks
# where places don't matter (benchmarks/racks.py, 2 racks of 16 nodes and 4 of 8).
RACK_COPIES = 0.92
LEADER_COPIES = 0.24
NODES_OF_A_LEADER = 8
FAR_SHARE = 0.66
# From the last byte of the boot files to the first of the image, and from its last one to the report of that: DHCP,
# scripts, the client's start, the tracker, a look each second.
START_S = 1.5
# How long a swarm of several places needs to find its order, at every rate and size that was measured: the tracker says
# who leads a place when a node announces itself, and it does so every five seconds.
PLACES_S = 9.0
# What lweb's one processor needs for all requests of a node from its entry script to its last report, and for a report
# of progress, of which a node sends one every other second (benchmarks/control_plane.py).
SCRIPTS_MS = 12.0
PROGRESS_MS = 1.0
PROGRESS_EVERY_S = 2.0
# The default of boot.wave, and how long a machine takes from its kernel's start to the network (decision 0022).
WAVE = 16
KERNEL_S = 15.0
# Of a storm that used more of the processors than this, they were the bound.
MOST_BUSY = 0.7
# Constants were fitted to storms of so many nodes at most.
FITTED_NODES = 64


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What boots. Sizes in MB, rates in Mbit/s; `uplink` is the ratio of a rack's nodes' links to its uplink."""

    nodes: int
    node_mbit: float = 1000.0
    controller_mbit: float = 10_000.0
    image_mb: float = 400.0
    boot_mb: float = 40.0
    rack_nodes: int = 40
    uplink: float = 4.0
    pieces: int = 400
    transport: str = "torrent"
    relays: bool = False
    near: bool = True
    kernel_s: float = KERNEL_S


def main() -> None:
    """Print the table, and draw it if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--svg", type=Path, help="file to draw the curves into")
    parser.add_argument("--measured", type=Path, help="what benchmarks/storm.py measured")
    given = parser.parse_args()
    error = validated(given.measured) if given.measured else "not compared with any measured storm"
    sizes = [512 << power for power in range(6)]
    print("1 GbE nodes, 10 GbE controller, racks of 40 at 4:1, image 400 MB, kernel and initramfs 40 MB; seconds:")
    print(f"{'':28}" + "".join(f"{nodes:>9}" for nodes in sizes))
    series = {}
    for name, cluster in ways():
        times = [total_s(replace(cluster, nodes=nodes)) for nodes in sizes]
        series[name] = [(float(nodes), time_s) for nodes, time_s in zip(sizes, times, strict=True)]
        print(f"{name:28}" + "".join(f"{time_s:9.0f}" for time_s in times))
    shares = [progress_share(Cluster(nodes=nodes)) for nodes in sizes]
    print(f"{'processors for progress':28}" + "".join(f"{share:9.1f}" for share in shares))
    print(
        "Above 1 those reports are late or lost, and scripts wait behind them; by torrent the time is then at least\n"
        f"what one processor needs for all of them. This is a model, {error}."
    )
    if given.svg:
        shown = {name: series[name] for name in ("torrent", "torrent and relays")}
        given.svg.write_text(curves(f"Until the last node has its image: a model, {error}", shown, "nodes", "seconds"))


def ways() -> Iterator[tuple[str, Cluster]]:
    """What is compared."""
    cluster = Cluster(nodes=0)
    yield "http", replace(cluster, transport="http")
    yield "torrent, racks not known", replace(cluster, near=False)
    yield "torrent", cluster
    yield "torrent and relays", replace(cluster, relays=True)


def total_s(cluster: Cluster) -> float:
    """From the first request to the last node's last byte: boot files, kernel and image; or what is computed."""
    transfers_s = boot_files_s(cluster) + cluster.kernel_s + image_s(cluster) + START_S
    return max(transfers_s, computed_s(cluster))


def crossing_s(cluster: Cluster, one_s: float) -> float:
    """How long each node's own copy takes through its rack's uplink, if one takes `one_s` through a node's link."""
    return one_s * cluster.uplink * min(1.0, cluster.nodes / cluster.rack_nodes)


def boot_files_s(cluster: Cluster) -> float:
    """Kernel and initramfs: from the controller to each, or handed on by nodes that have them."""
    one_s = cluster.boot_mb * 8 * FRAMING / cluster.node_mbit
    ahead = cluster.controller_mbit / cluster.node_mbit
    shares = cluster.transport == "torrent" and cluster.nodes > WAVE
    all_s = cluster.nodes * one_s / ahead / (1 - SEEDER_SHARE * shares)
    if cluster.relays:
        all_s = model_s(cluster.nodes, WAVE, one_s, cluster.kernel_s, ahead)
    # A relay may be in any rack.
    return max(one_s, crossing_s(cluster, one_s), all_s)


def image_s(cluster: Cluster) -> float:
    """The image, by the slowest of the links that it has to cross."""
    limit_s = cluster.image_mb * 8 * FRAMING / cluster.node_mbit
    if cluster.transport == "http":
        all_s = cluster.nodes * cluster.image_mb * 8 * FRAMING / cluster.controller_mbit
        return max(limit_s, crossing_s(cluster, limit_s), all_s)
    swarm_s = limit_s * (1 + PIECE_TIMES * math.log2(max(2, cluster.nodes)) ** 2 / cluster.pieces)
    seeder_s = COPIES * cluster.image_mb * 8 * FRAMING / cluster.controller_mbit
    transfer_s = max(swarm_s, seeder_s, crossing_s(cluster, limit_s) * far_share(cluster))
    return transfer_s + PLACES_S * (cluster.near and cluster.nodes > cluster.rack_nodes)


def far_share(cluster: Cluster) -> float:
    """How much of an image a node gets through its rack's uplink."""
    racks = math.ceil(cluster.nodes / cluster.rack_nodes)
    if not cluster.near or racks == 1:
        return FAR_SHARE * (1 - 1 / racks)
    leaders = max(1, cluster.rack_nodes // NODES_OF_A_LEADER)
    return (RACK_COPIES + LEADER_COPIES * leaders) / cluster.rack_nodes


def computed_s(cluster: Cluster) -> float:
    """What the boot server's one processor needs for every node's scripts and reports of progress.

    By http nodes are so long about an image that late reports keep nobody waiting.
    """
    reports_s = progress_share(cluster) * image_s(cluster) if cluster.transport == "torrent" else 0.0
    return cluster.nodes * SCRIPTS_MS / 1000 + reports_s


def progress_share(cluster: Cluster) -> float:
    """How much of its processor the boot server needs for the progress that nodes tell every other second."""
    return cluster.nodes * PROGRESS_MS / 1000 / PROGRESS_EVERY_S


def validated(file: Path) -> str:
    """Print what was measured beside what the model says of the same; by how much that was wrong, in words."""
    storms = [json.loads(line) for line in file.read_text().splitlines()]
    # It can't say anything of links as fast as they are.
    storms = [one for one in storms if one["finished"] == one["nodes"] and one["mbit"] and one["controller_mbit"]]
    print(f"{'nodes':>5}  {'way':18}{'Mbit/s':>8}{'MB':>6}{'measured':>11}{'model':>10}  busy  error")
    fitted: list[float] = []
    larger: list[float] = []
    for storm in storms:
        cluster = of_storm(storm)
        error = total_s(cluster) / storm["took_s"] - 1
        counts = busy(storm) <= MOST_BUSY
        if counts:
            (fitted if cluster.nodes <= FITTED_NODES else larger).append(error)
        way = ("relays" if cluster.relays else cluster.transport) + f", {storm['racks']} racks" * bool(storm["racks"])
        print(
            f"{cluster.nodes:5}  {way:18}{cluster.node_mbit:8g}{cluster.image_mb:6g}{storm['took_s']:9.1f} s"
            f"{total_s(cluster):8.1f} s{busy(storm):6.0%}  " + (f"{error:+5.0%}" if counts else "processors")
        )
    known = {"storms that it was fitted to": fitted, "larger ones": larger}
    said = [f"{min(of):+.0%} to {max(of):+.0%} off {len(of)} {what}" for what, of in known.items() if of]
    if not said:
        sys.exit(f"{file} has no storm that all its nodes have finished, and links were the bound of.")
    return ", ".join(said)


def of_storm(storm: Mapping[str, Any]) -> Cluster:
    """The model's cluster for what `luna lab storm -o json` wrote."""

    def number(name: str) -> float:
        return float(str(storm[name] or 0))

    racks = int(number("racks"))
    nodes = int(number("nodes"))
    in_rack = math.ceil(nodes / racks) if racks else nodes
    uplink = in_rack * number("mbit") / number("uplink_mbit") if storm["uplink_mbit"] else 1.0
    return Cluster(
        nodes=nodes,
        node_mbit=number("mbit"),
        controller_mbit=number("controller_mbit"),
        image_mb=number("image_bytes") / 1e6,
        boot_mb=(number("kernel_bytes") + number("initramfs_bytes")) / 1e6,
        rack_nodes=in_rack,
        uplink=uplink,
        pieces=max(1, int(number("image_bytes") // (64 << 10))),
        transport=str(storm["transport"]),
        relays=bool(storm["relays"]),
        kernel_s=0.0,
        near=storm["settings"].get("torrent.near_share") != "0",
    )


if __name__ == "__main__":
    main()
