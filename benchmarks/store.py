"""How fast the store is, and that looking up a MAC doesn't get slower with more nodes.

    .venv/bin/python benchmarks/store.py [--mongodb] [100 1000 10000 ...]

Every figure is of one process that has everything imported; `lookup` is the median of 200.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import ground

from luna_core.model import Cluster, Group, Network, Node
from luna_core.operations import Luna, Work, exchange, nodes, objects
from luna_core.operations.listing import node_rows
from luna_core.settings import MachineSettings
from luna_core.testing.mongod import ReplicaSet

COLUMNS = ("nodes", "lookup by MAC ms", "add one ms", "add all s (by 1000)", "list s", "export s", "apply again s")
LOOKUPS = 200
BATCH = 1000


def main() -> None:
    """Print a table for each store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--mongodb", action="store_true", help="also on a replica set of one mongod")
    wanted = parser.parse_args()
    ground.end_cleanly()
    print(ground.machine())
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores: dict[str, Callable[[int], str]] = {"sqlite": lambda size: f"sqlite://{directory}/{size}.db"}
        if wanted.mongodb:
            replica_set = stack.enter_context(ReplicaSet(directory))
            stores["mongodb"] = lambda size: replica_set.url(f"nodes{size}")
        for store, url in stores.items():
            print(f"\n{store}\n" + " | ".join(COLUMNS))
            for size in wanted.sizes:
                with Luna(MachineSettings(store=url(size), key_file=directory / "key")) as luna:
                    figures = list(measure(luna, size))
                print(" | ".join(f"{figure:{len(title)}.4g}" for figure, title in zip(figures, COLUMNS, strict=True)))


def measure(luna: Luna, size: int) -> Iterator[float]:
    """The columns of one row."""
    yield size
    luna.change(_furnish, "furnish")
    add_all_s = sum(_seconds(partial(luna.change, partial(_add, numbers), "add")) for numbers in _batches(size))
    picked = [_mac(number * size // LOOKUPS) for number in range(LOOKUPS)]
    yield statistics.median(_seconds(partial(luna.read, partial(_by_mac, mac))) for mac in picked) * 1000
    yield _seconds(lambda: luna.change(lambda work: objects.add(work, Node, "one-more", {"group": "g"}), "add")) * 1000
    yield add_all_s
    yield _seconds(lambda: luna.look(node_rows))
    yield _seconds(lambda: luna.read(exchange.export))
    document = luna.read(exchange.export)
    yield _seconds(lambda: luna.change(lambda work: exchange.apply(work, document), "apply"))


def _batches(size: int) -> Iterator[range]:
    """A mongod with little memory takes no more in one transaction."""
    return (range(first, min(first + BATCH, size)) for first in range(0, size, BATCH))


def _add(numbers: range, work: Work) -> None:
    names = [f"n{number:06d}" for number in numbers]
    nodes.add_nodes(work, names, {"group": "g"}, macs=[_mac(number) for number in numbers])


def _furnish(work: Work) -> None:
    objects.add(work, Cluster, "c", {"frontend_addresses": ["10.127.255.254"]})
    for number, name in enumerate(("net", "ipmi")):
        objects.add(work, Network, name, {"subnets": [{"network": f"10.{number * 128}.0.0/9"}]})
    boot = {"BOOTIF": {"networks": ["net"]}, "BMC": {"networks": ["ipmi"]}}
    objects.add(work, Group, "g", {"interfaces": boot})


def _by_mac(mac: str, work: Work) -> Node:
    (owner,) = work.owners("mac", mac, mac)
    return work.by_id(Node, owner.id)


def _mac(number: int) -> str:
    digits = f"5254{number:08x}"
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
