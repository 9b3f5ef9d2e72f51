"""What serves images goes away while nodes fetch one: each node has all of it in the end, and nothing else."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from luna_core.testing.delivery import Delivery, wait_until

Deliver = Callable[..., Delivery]


def start(delivery: Delivery, tree: Path) -> Mapping[int, "subprocess.Popen[bytes]"]:
    """Pack the tree and let two nodes fetch it; returns when both are in the middle of it."""
    version = delivery.pack(tree)
    clients = {machine: delivery.fetch(machine, version) for machine in (1, 2)}
    for machine in clients:
        delivery.wait_until_under_way(machine)
    return clients


def test_a_tracker_that_goes_away_stops_nobody(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=8)
    clients = start(delivery, tree)
    delivery.kill("boot-server")
    delivery.are_whole(clients, tree)
    assert "failed: " not in delivery.console(1)


def test_without_a_tracker_from_the_start_the_file_server_serves_all(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2)
    version = delivery.pack(tree)
    delivery.kill("boot-server")
    delivery.are_whole({machine: delivery.fetch(machine, version) for machine in (1, 2)}, tree)


def test_a_frozen_controller_is_waited_for(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=5)
    clients = start(delivery, tree)
    delivery.freeze()
    for machine in clients:
        wait_until(lambda machine=machine: "reports fail: " in delivery.console(machine), "it to be noticed")
    delivery.thaw()
    delivery.are_whole(clients, tree)


def test_when_everything_dies_another_controller_goes_on(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=5)
    version = delivery.pack(tree)
    second = ["python3", "-m", "http.server", "7051", "--directory", str(delivery.directory / "public")]
    delivery.start("second controller", second, machine=2)
    delivery.wait_for_port(7051, machine=2)
    address = delivery.switch.address(2)
    client = delivery.fetch(1, version, [*delivery.endpoints(1, version), delivery.elsewhere(version, address)])
    delivery.wait_until_under_way(1)
    # As by a pulled plug: nobody is told.
    delivery.switch.unplug(0)
    delivery.are_whole({1: client}, tree)
    assert f"by http from http://{address}:7051/" in delivery.console(1)
