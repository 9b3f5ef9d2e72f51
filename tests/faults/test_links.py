"""Links that are slow, or that drop what is large."""

import random
from collections.abc import Callable
from pathlib import Path

from luna_core.testing.delivery import Delivery

Deliver = Callable[..., Delivery]


def test_an_image_comes_over_a_megabit_by_either_transport(deliver: Deliver, tree: Path) -> None:
    for path in (tree / "usr/lib").glob("[0-6]/*"):
        path.unlink()
    (tree / "usr/lib/large").write_bytes(random.Random(1).randbytes(1_200_000))  # noqa: S311 - the same every time
    delivery = deliver(2, node_mbit=1)
    version = delivery.pack(tree)
    torrent, http = delivery.endpoints(1, version)
    delivery.are_whole({1: delivery.fetch(1, version, [torrent]), 2: delivery.fetch(2, version, [http])}, tree)
    assert "failed: " not in delivery.console(1) + delivery.console(2)


def test_frames_that_are_too_large_for_the_path_cost_seconds(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2)
    delivery.switch.narrow(1, mtu=1400)
    version = delivery.pack(tree)
    delivery.are_whole({machine: delivery.fetch(machine, version) for machine in (1, 2)}, tree)
    assert "failed: " not in delivery.console(1) + delivery.console(2)
