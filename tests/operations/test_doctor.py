"""The doctor sees each kind of damage; writes go past the operations, straight into the store."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from luna_core.model import Cluster, Group, Node, Switch
from luna_core.operations import doctor

Edit = Callable[[dict[str, Any]], dict[str, Any]]


class Vandal:
    """Changes the store's file by hand."""

    def __init__(self, admin: Any) -> None:
        self.admin = admin
        self.path = admin.luna.settings.store.removeprefix("sqlite://")

    def run(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0

    def edit(self, kind: str, name: str, **values: Any) -> None:
        """Give fields of an object other values, None none, and the history the same."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            rows = connection.execute(
                "SELECT kind, id, body FROM record WHERE kind IN (?, 'changed')", (kind,)
            ).fetchall()
            for stored, identity, text in rows:
                body = json.loads(text)
                inner = body if stored == kind else body["after"]
                if inner and inner["name"] == name:
                    inner.update(values)
                    for gone in [key for key, value in inner.items() if value is None]:
                        del inner[gone]
                    connection.execute(
                        "UPDATE record SET body = ? WHERE kind = ? AND id = ?", (json.dumps(body), stored, identity)
                    )

    def found(self) -> list[str]:
        problems: list[str] = self.admin.luna.read(lambda work: list(doctor.problems(work)))
        return problems


@pytest.fixture
def vandal(cluster: Any) -> Vandal:
    cluster.add(Switch, "sw", addresses=[{"address": "10.148.255.1", "network": "ipmi"}])
    for number in (1, 2):
        mac = {"BOOTIF": {"mac": f"52:54:00:00:00:0{number}"}}
        cluster.add(Node, f"n{number}", group="compute", interfaces=mac, switch="sw", port=str(number))
    made = Vandal(cluster)
    assert made.found() == []
    return made


def only(vandal: Vandal, *wanted: str) -> None:
    found = vandal.found()
    assert found
    for sentence in found:
        assert any(words in sentence for words in wanted), found
    for words in wanted:
        assert any(words in sentence for sentence in found), found


@pytest.mark.parametrize("space", ["mac", "name:node", "host", "name:group", "singleton"])
def test_a_key_that_is_gone(vandal: Vandal, space: str) -> None:
    vandal.run("DELETE FROM key WHERE space = ? AND value = (SELECT min(value) FROM key WHERE space = ?)", space, space)
    only(vandal, f"in {space} is held by None, not by")


@pytest.mark.parametrize("like", ["address:%", "port:%", "uses:%"])
def test_keys_of_an_object_that_are_gone(vandal: Vandal, like: str) -> None:
    vandal.run("DELETE FROM key WHERE space LIKE ?", like)
    only(vandal, "is held by None, not by")


def test_a_key_that_nobody_should_hold(vandal: Vandal) -> None:
    vandal.run("INSERT INTO key VALUES ('serial', 'x', 'node', 'nobody')")
    only(vandal, "The key x in serial is held by nobody, not by None")


def test_a_key_that_another_took(vandal: Vandal) -> None:
    vandal.run("UPDATE key SET id = 'nobody' WHERE space = 'mac' AND value = '52:54:00:00:00:01'")
    only(vandal, "The key 52:54:00:00:00:01 in mac is held by nobody, not by")


def test_a_reference_to_nothing(vandal: Vandal) -> None:
    vandal.edit("node", "n1", group="gone")
    only(vandal, "node n1 refers to a group that doesn't exist", "in uses:")


def test_two_with_one_mac(vandal: Vandal) -> None:
    vandal.edit("node", "n2", interfaces={"BOOTIF": {"mac": "52:54:00:00:00:01"}})
    only(vandal, "node n2 shares the mac 52:54:00:00:00:01", "in mac is held by")


def test_a_record_that_is_gone(vandal: Vandal) -> None:
    vandal.run("DELETE FROM record WHERE kind = 'node' AND body LIKE '%\"n1\"%'")
    only(vandal, "is not as the history has it", "is held by")


def test_a_record_that_is_not_valid(vandal: Vandal) -> None:
    vandal.edit("node", "n1", port=["x"])
    only(vandal, "A stored node is not valid: node n1: port: ['x'] was given")


def test_a_change_that_the_history_missed(vandal: Vandal) -> None:
    vandal.run("UPDATE record SET body = replace(body, '\"n1\"', '\"n9\"') WHERE kind = 'node'")
    only(vandal, "is not as the history has it", "is held by")


def test_a_gap_in_the_history(vandal: Vandal) -> None:
    vandal.run("DELETE FROM record WHERE kind = 'history' AND id = '000000000003'")
    vandal.run("DELETE FROM key WHERE space = 'history' AND value = '000000000003'")
    only(vandal, "The history has 13 changes, the last of which is number 14")


def test_a_part_of_a_change_that_is_gone(vandal: Vandal) -> None:
    vandal.run("DELETE FROM record WHERE kind = 'changed' AND id = '000000000001.000000'")
    only(vandal, "Change 1 was of 1 objects, but the history has 0", "is not as the history has it")


def test_an_address_that_is_missing(vandal: Vandal) -> None:
    vandal.edit("node", "n1", addresses=None)
    only(
        vandal,
        "node n1 doesn't have the addresses that its interfaces need",
        "is held by",
    )


def test_an_address_outside_its_network(vandal: Vandal) -> None:
    networks = vandal.admin.luna.read(lambda work: work.get(Node, "n1")).addresses
    moved = [{**one.model_dump(mode="json"), "address": "10.200.0.1"} for one in networks[:1]]
    vandal.edit("node", "n1", addresses=moved)
    only(vandal, "addresses.BOOTIF: 10.200.0.1 was given; accepted is a host's address in network boot", "is held by")


def test_the_controllers_address_on_a_node(vandal: Vandal) -> None:
    vandal.edit("cluster", "cluster", frontend_addresses=["10.141.0.1"])
    only(vandal, "frontend_addresses: 10.141.0.1 was given; it belongs to node n1", "it is the controller's own")


def test_a_circle_of_parents(vandal: Vandal) -> None:
    group = vandal.admin.luna.read(lambda work: work.get(Group, "gpu"))
    vandal.edit("group", "gpu", parent=group.id)
    only(vandal, "gpu → gpu is a circle", "in uses:")


def test_no_cluster(vandal: Vandal) -> None:
    identity = vandal.admin.luna.read(lambda work: work.get(Cluster, "cluster")).id
    vandal.run("DELETE FROM record WHERE id = ?", identity)
    vandal.run("DELETE FROM key WHERE id = ?", identity)
    only(vandal, "There is no cluster yet", "is not as the history has it")
