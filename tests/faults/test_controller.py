"""What serves images goes away while nodes fetch one: each node has all of it in the end, and nothing else."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from luna_core.image.compare import differences
from luna_core.testing.delivery import Delivery, wait_until

Deliver = Callable[..., Delivery]
Client = subprocess.Popen[bytes]


def start(delivery: Delivery, tree: Path, nodes: int) -> Sequence[Client]:
    """Pack the tree and let that many nodes fetch it; returns when each of them is in the middle of it."""
    version = delivery.pack(tree)
    clients = [delivery.fetch(machine, version) for machine in range(1, nodes + 1)]
    for machine in range(1, nodes + 1):
        wait_until(lambda machine=machine: is_under_way(delivery, machine), f"node {machine} to be under way")
    return clients


def is_under_way(delivery: Delivery, machine: int) -> bool:
    return any(report["percent"] > 5 for report in delivery.reports(machine))


def all_are_whole(delivery: Delivery, clients: Sequence[Client], tree: Path) -> None:
    for machine, client in enumerate(clients, start=1):
        assert client.wait(300) == 0, delivery.console(machine)
        assert not differences(tree, delivery.home(machine) / "root")


def test_a_tracker_that_goes_away_stops_nobody(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=8)
    clients = start(delivery, tree, 2)
    delivery.kill("boot-server")
    all_are_whole(delivery, clients, tree)
    assert "failed: " not in delivery.console(1)


def test_without_a_tracker_from_the_start_the_file_server_serves_all(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2)
    version = delivery.pack(tree)
    delivery.kill("boot-server")
    all_are_whole(delivery, [delivery.fetch(machine, version) for machine in (1, 2)], tree)


def test_a_frozen_controller_is_waited_for(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=8)
    clients = start(delivery, tree, 2)
    delivery.freeze()
    for machine in (1, 2):
        wait_until(lambda machine=machine: "torrent failed: " in delivery.console(machine), "it to be noticed")
    delivery.thaw()
    all_are_whole(delivery, clients, tree)


def test_when_everything_dies_another_controller_goes_on(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2, controller_mbit=8)
    version = delivery.pack(tree)
    second = ["python3", "-m", "http.server", "7051", "--directory", str(delivery.directory / "public")]
    delivery.start("second controller", second, machine=2)
    delivery.wait_for_port(7051, machine=2)
    address = delivery.switch.address(2)
    endpoints = [*delivery.endpoints(1, version), delivery.elsewhere(version, address)]
    client = delivery.fetch(1, version, endpoints)
    wait_until(lambda: is_under_way(delivery, 1), "the node to be under way")
    delivery.switch.unplug(0)
    all_are_whole(delivery, [client], tree)
    assert f"by http from http://{address}:7051/" in delivery.console(1)
