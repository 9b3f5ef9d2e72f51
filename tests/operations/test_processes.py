"""Processes that work on one cluster at once, and processes that are killed in the middle of it; on both stores."""

import multiprocessing
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from luna_core.model import Cluster, Group, Network, Node
from luna_core.operations import Luna, Work, doctor, exchange, nodes, objects
from luna_core.settings import MachineSettings
from luna_core.testing.mongod import ReplicaSet

LONG_S = 500.0
Task = Callable[[Luna], None]
pytestmark = [pytest.mark.filterwarnings("ignore:.*fork"), pytest.mark.timeout(1200)]


class Site:
    """A cluster with room for its nodes, and processes that work on it, each with a Luna of its own."""

    def __init__(self, store: str, directory: Path) -> None:
        self.settings = MachineSettings(store=store, key_file=directory / "key")
        with self.open() as luna:
            luna.change(_furnish, "furnish")

    def open(self) -> Luna:
        return Luna(self.settings, who="ada")

    def start(self, task: Task) -> "multiprocessing.process.BaseProcess":
        process = multiprocessing.get_context("fork").Process(target=self._run, args=(task,))
        process.start()
        return process

    def _run(self, task: Task) -> None:
        with self.open() as luna:
            task(luna)

    def finish(self, *tasks: Task) -> None:
        """Run the tasks at once, each in its process; none may fail."""
        processes = [self.start(task) for task in tasks]
        for process in processes:
            process.join(LONG_S)
        assert [process.exitcode for process in processes] == [0] * len(tasks)

    def kill(self, task: Task, after_s: float) -> None:
        process = self.start(task)
        time.sleep(after_s)  # the moment of the crash
        process.kill()
        process.join()

    def nodes(self) -> list[Node]:
        """The nodes of a store that is whole."""
        with self.open() as luna:
            assert luna.read(lambda work: list(doctor.problems(work))) == []
            return luna.read(lambda work: work.all(Node))


def _furnish(work: Work) -> None:
    objects.add(work, Cluster, "c", {"frontend_addresses": ["10.1.255.254"]})
    objects.add(work, Network, "net", {"subnets": [{"network": "10.1.0.0/16"}, {"network": "fd00:1::/64"}]})
    objects.add(work, Group, "g", {"interfaces": {"BOOTIF": {"networks": ["net"]}}, "comment": "0"})


@pytest.fixture
def site(store_url: str, tmp_path: Path) -> Site:
    return Site(store_url, tmp_path)


def add_automatically(luna: Luna, count: int) -> None:
    def one(work: Work) -> object:
        return nodes.add_nodes(work, nodes.next_names(work, 1, prefix="node", digits=4), {"group": "g"})

    for _ in range(count):
        luna.change(one, "node add")


def count_up(luna: Luna, times: int) -> None:
    def one(work: Work) -> object:
        return objects.change(work, Group, "g", {"comment": str(int(work.get(Group, "g").comment) + 1)})

    for _ in range(times):
        luna.change(one, "count")


def imported(comment: str, count: int) -> dict[str, Any]:
    return {"luna": 1, "node": {f"n{number}": {"group": "g", "comment": comment} for number in range(count)}}


def import_at_once(luna: Luna, comment: str, count: int) -> None:
    document = imported(comment, count)
    luna.change(lambda work: exchange.apply(work, document), f"apply {comment}")


def import_one_by_one(luna: Luna, count: int) -> None:
    def one(work: Work, name: str) -> None:
        if work.find(Node, name) is None:
            objects.add(work, Node, name, {"group": "g"})

    for number in range(len(luna.read(lambda work: work.all(Node))), count):
        luna.change(partial(one, name=f"n{number}"), "add")


def test_two_processes_add_five_hundred_nodes_each(site: Site) -> None:
    """Each node in a transaction of its own, all with automatic names."""
    site.finish(*[lambda luna: add_automatically(luna, 500)] * 2)
    made = site.nodes()
    assert {node.name for node in made} == {f"node{number:04d}" for number in range(1, 1001)}
    assert len({one.address for node in made for one in node.addresses}) == 2000


def test_no_change_of_an_object_is_lost(site: Site) -> None:
    site.finish(*[lambda luna: count_up(luna, 50)] * 2)
    with site.open() as luna:
        assert luna.read(lambda work: work.get(Group, "g").comment) == "100"


def measured(site: Site, task: Task) -> float:
    begun = time.monotonic()
    site.finish(task)
    return time.monotonic() - begun


@pytest.mark.parametrize("kills", [10] * 5)
def test_an_import_of_a_document_survives_kill_9(tmp_path: Path, kills: int) -> None:
    """All of it or nothing, and it can be run again: five times ten kills."""
    site = Site(f"sqlite://{tmp_path}/luna.db", tmp_path)
    full_s = measured(site, lambda luna: import_at_once(luna, "0", 1000))
    for number in range(1, kills + 1):
        site.kill(partial(import_at_once, comment=str(number), count=1000), random.uniform(0, full_s))  # noqa: S311
        found = site.nodes()
        assert len(found) == 1000
        assert {node.comment for node in found} in ({str(number - 1)}, {str(number)})
        with site.open() as luna:
            import_at_once(luna, str(number), 1000)
    assert {node.comment for node in site.nodes()} == {str(kills)}


def test_a_thousand_single_adds_survive_fifty_kills(tmp_path: Path) -> None:
    """Every node is there whole or not at all, and the rest can be added."""
    site = Site(f"sqlite://{tmp_path}/luna.db", tmp_path)
    share_s = measured(site, lambda luna: import_one_by_one(luna, 40)) / 2
    found = 40
    for _ in range(50):
        site.kill(lambda luna: import_one_by_one(luna, 1000), random.uniform(0, share_s))  # noqa: S311
        survived = len(site.nodes())
        assert survived >= found
        found = survived
    site.finish(lambda luna: import_one_by_one(luna, 1000))
    assert len(site.nodes()) == 1000


def test_imports_into_mongodb_survive_kill_9(new_database: Callable[[], str], tmp_path: Path) -> None:
    """The next process doesn't wait for the transaction that the dead one left behind."""
    site = Site(new_database(), tmp_path)
    full_s = measured(site, lambda luna: import_at_once(luna, "0", 300))
    for number in range(1, 6):
        site.kill(partial(import_at_once, comment=str(number), count=300), random.uniform(0, full_s))  # noqa: S311
        assert {node.comment for node in site.nodes()} in ({str(number - 1)}, {str(number)})
        site.finish(partial(import_at_once, comment=str(number), count=300))


def test_a_crash_of_mongod_loses_nothing(tmp_path: Path) -> None:
    with ReplicaSet(tmp_path) as replica_set:
        site = Site(replica_set.url(), tmp_path)
        site.finish(lambda luna: import_one_by_one(luna, 20))
        process = site.start(lambda luna: import_one_by_one(luna, 200))
        with site.open() as luna:
            while luna.read(lambda work: len(work.all(Node))) < 40:
                assert process.is_alive()
        (mongod,) = replica_set.members
        mongod.kill()
        mongod.start()
        process.join(LONG_S)
        assert len(site.nodes()) >= 40
        site.finish(lambda luna: import_one_by_one(luna, 200))
        assert len(site.nodes()) == 200
