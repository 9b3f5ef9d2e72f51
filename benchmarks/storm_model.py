"""How long 512 to 16,384 nodes take in racks with oversubscribed uplinks: a model, and measured storms beside it.

    python benchmarks/storm_model.py [--svg FILE] [--measured STORM.json ...]

It counts bytes through links, and what the boot server computes; nothing is drawn by lot, so it takes no time. What
`luna lab storm -o json` wrote is put beside what the model says of the same nodes, sizes and rates.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from luna_lab.storm_report import curves

# TCP and Ethernet framing; the seeder's copies at eight nodes and more; piece times that a swarm needs for each
# doubling of its nodes; what of a node's pieces comes from outside of its rack with and without preference
# (docs/explanation/transports.md).
FRAMING = 1.045
COPIES = 1.15
PIECE_TIMES = 1.5
FAR_SHARE = 0.25
# Requests of one node from its entry script to its last report that the boot server answers.
SCRIPTS_MS = 12.0
PROGRESS_MS = 1.0
RELAY_LOADS = 2


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
    pieces: int = 1000
    transport: str = "torrent"
    relays: bool = False
    near: bool = True


def main() -> None:
    """Print the table, and draw it if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--svg", type=Path, help="file to draw the curves into")
    parser.add_argument("--measured", type=Path, nargs="*", default=[], help="what luna lab storm -o json wrote")
    given = parser.parse_args()
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
    for path in given.measured:
        print(compared(json.loads(path.read_text())))
    if given.svg:
        shown = {name: line for name, line in series.items() if name != "http"}
        given.svg.write_text(curves("Until the last node is installed", shown, "nodes", "seconds"))


def ways() -> Iterator[tuple[str, Cluster]]:
    """What is compared."""
    cluster = Cluster(nodes=0)
    yield "http", replace(cluster, transport="http")
    yield "torrent, racks not known", replace(cluster, near=False)
    yield "torrent", cluster
    yield "torrent and relays", replace(cluster, relays=True)


def total_s(cluster: Cluster) -> float:
    """From the first request to the last node's last byte: the boot files, then the image; or what is computed."""
    transfers_s = boot_files_s(cluster) + image_s(cluster)
    return max(transfers_s, computed_s(cluster))


def boot_files_s(cluster: Cluster) -> float:
    """Kernel and initramfs: from the controller to each, or handed on by nodes that have them."""
    one_s = cluster.boot_mb * 8 * FRAMING / cluster.node_mbit
    from_controller_s = cluster.nodes * cluster.boot_mb * 8 * FRAMING / cluster.controller_mbit
    if not cluster.relays:
        return max(one_s, from_controller_s)
    # A relay fetches both files once more, then serves RELAY_LOADS at a time: so many join in each such round.
    ahead = max(1.0, cluster.controller_mbit / cluster.node_mbit)
    rounds = math.log(1 + cluster.nodes / ahead, 1 + RELAY_LOADS)
    return min(max(one_s, from_controller_s), one_s + rounds * one_s * RELAY_LOADS)


def image_s(cluster: Cluster) -> float:
    """The image, by the slowest of the links that it has to cross."""
    limit_s = cluster.image_mb * 8 * FRAMING / cluster.node_mbit
    if cluster.transport == "http":
        return max(cluster.nodes * cluster.image_mb * 8 * FRAMING / cluster.controller_mbit, limit_s * cluster.uplink)
    swarm_s = limit_s * (1 + PIECE_TIMES * math.log2(max(2, cluster.nodes)) / cluster.pieces)
    seeder_s = COPIES * cluster.image_mb * 8 * FRAMING / cluster.controller_mbit
    return max(swarm_s, seeder_s, limit_s * cluster.uplink * far_share(cluster))


def far_share(cluster: Cluster) -> float:
    """How much of an image a node gets through its rack's uplink: of its far peers' pieces most are near already."""
    racks = max(1, cluster.nodes // cluster.rack_nodes)
    elsewhere = 1 - 1 / racks
    if not cluster.near:
        return elsewhere
    # Of what comes from afar, a piece is handed on within the rack before the next asks for it.
    return elsewhere * max(FAR_SHARE / 3, 1 / cluster.rack_nodes)


def computed_s(cluster: Cluster) -> float:
    """What the boot server's one processor needs for every node's scripts and reports."""
    return cluster.nodes * SCRIPTS_MS / 1000


def progress_share(cluster: Cluster) -> float:
    """How much of its processor the boot server needs for the progress that nodes tell every other second."""
    return cluster.nodes * PROGRESS_MS / 1000 / 2


def compared(storm: dict[str, object]) -> str:
    """What was measured, beside what the model says of the same."""
    cluster = of_storm(storm)
    measured = {row["step"]: row["all_s"] or math.inf for row in _rows(storm)}
    boot_s, whole_s = boot_files_s(cluster), total_s(cluster)
    return (
        f"storm of {cluster.nodes} by {cluster.transport}{' with relays' if cluster.relays else ''}: "
        f"kernel and initramfs {measured.get('initramfs', math.inf):.0f} s, model {boot_s:.0f} s; "
        f"all {measured.get('finished', math.inf):.0f} s, model {whole_s:.0f} s"
    )


def of_storm(storm: dict[str, object]) -> Cluster:
    """The model's cluster for what `luna lab storm -o json` wrote."""

    def number(name: str) -> float:
        return float(str(storm[name] or 0))

    racks = int(number("racks"))
    nodes = int(number("nodes"))
    in_rack = max(1, nodes // racks) if racks else nodes
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
    )


def _rows(storm: dict[str, object]) -> Sequence[dict[str, float | str | None]]:
    rows = storm["steps"]
    assert isinstance(rows, list)  # noqa: S101 - tells the type checker what the JSON holds
    return rows


if __name__ == "__main__":
    main()
