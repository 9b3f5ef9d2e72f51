"""Links that are slow or that drop what is large, and an address that two machines have."""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.errors import CommandFailed
from luna_core.run import run
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch

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


@pytest.mark.parametrize("own", ["10.77.0.2/16", "fd00:77::2/64"])
def test_a_node_learns_who_else_has_its_address(own: str) -> None:
    with Switch(2) as switch:
        other = switch.namespace(2)
        probe = [*switch.inside(1), sys.executable, "-m", "luna_core.node.conflict", "eth0", own]
        run(["ip", "-n", switch.namespace(1), "address", "replace", own, "dev", "eth0", "nodad"])
        assert run(probe) == ""
        run(["ip", "-n", other, "address", "add", own, "dev", "eth0", "nodad"])
        (link,) = json.loads(run(["ip", "-n", other, "-json", "link", "show", "eth0"]))
        with pytest.raises(
            CommandFailed,
            match=f"{own.partition('/')[0]} is used by another machine too, whose MAC is {link['address']}",
        ):
            run(probe)
