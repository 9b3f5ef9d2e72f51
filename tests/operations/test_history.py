"""What the history keeps, and what undo does with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from luna_core.errors import AlreadyExists, BadInput, Conflict, InUse, LunaError
from luna_core.model import BmcSetup, Cluster, Group, Node, NodeState
from luna_core.operations import doctor, exchange, history, interfaces, objects
from luna_core.operations.history import differences


def last(admin: Any) -> int:
    return int(admin.luna.read(lambda work: history.last_number(work.transaction)))


def undo(admin: Any, number: int) -> None:
    admin.luna.change(lambda work: history.undo(work, number), f"undo {number}")


def test_who_what_when_and_why(cluster: Any) -> None:
    cluster.luna.why = "ticket 4711"
    before = datetime.now(UTC).replace(microsecond=0)
    cluster.add(Node, "n1", group="compute")
    newest = cluster.luna.read(lambda work: history.entries(work, limit=1))[0]
    assert (newest.who, newest.what, newest.why, newest.objects) == ("ada", "node add n1", "ticket 4711", 1)
    assert before <= datetime.fromisoformat(newest.time) <= datetime.now(UTC)
    assert newest.number == last(cluster)


def test_the_history_of_one_object(cluster: Any) -> None:
    for comment in ("one", "two"):
        cluster.change(Group, "gpu", comment=comment)
        cluster.change(Group, "compute", comment=comment)
    entries = cluster.luna.read(lambda work: history.entries(work, work.get(Group, "gpu").id))
    assert [one.what for one in entries] == ["group change gpu"] * 2 + ["interface add"] * 2 + ["group add gpu"]


def test_a_change_of_nothing_leaves_no_entry(cluster: Any) -> None:
    before = last(cluster)
    cluster.change(Group, "gpu", comment="")
    assert last(cluster) == before


def test_a_failed_change_leaves_no_entry(cluster: Any) -> None:
    before = last(cluster), cluster.luna.read(exchange.export)
    with pytest.raises(InUse):
        cluster.delete(BmcSetup, "default")
    assert (last(cluster), cluster.luna.read(exchange.export)) == before


def test_an_undo_restores_everything_that_a_change_did(cluster: Any) -> None:
    cluster.add(Node, "n1", group="compute")
    before = cluster.luna.read(exchange.export)
    cluster.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BMC"), "")
    after = cluster.luna.read(exchange.export)
    undo(cluster, last(cluster))
    assert cluster.luna.read(exchange.export) == before
    undo(cluster, last(cluster))
    assert cluster.luna.read(exchange.export) == after


def test_an_undo_is_refused_when_the_object_changed_since(cluster: Any) -> None:
    cluster.change(Group, "gpu", comment="one")
    number = last(cluster)
    cluster.change(Group, "gpu", comment="two")
    with pytest.raises(Conflict, match=rf"Change {number} can't be undone: group gpu has changed since"):
        undo(cluster, number)
    undo(cluster, number + 1)
    undo(cluster, number + 2)
    undo(cluster, number + 1 + 2)
    with pytest.raises(Conflict, match="has changed since"):
        undo(cluster, number + 1)


def test_an_undo_settles_what_came_later(cluster: Any) -> None:
    """n2 joined after the group got its interface; it gives its address back too."""
    cluster.interface(Group, "gpu", "eth1", "boot")
    number = last(cluster)
    cluster.add(Node, "n2", group="gpu")
    undo(cluster, number)
    assert cluster.addresses("n2") == {"BOOTIF": ["10.141.0.1"], "BMC": ["10.148.0.1"]}
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def test_an_undo_that_would_break_something_says_what(cluster: Any) -> None:
    cluster.add(Group, "new")
    made = last(cluster)
    cluster.add(Node, "n1", group="new")
    with pytest.raises(InUse, match=r"group new can't be deleted: it is used by node n1"):
        undo(cluster, made)
    cluster.change(Node, "n1", group="gpu")
    moved = last(cluster)
    cluster.delete(Group, "new")
    with pytest.raises(LunaError, match=r"node n1 refers to a group that doesn't exist any more"):
        undo(cluster, moved)
    cluster.delete(Node, "n1")
    gone = last(cluster)
    cluster.add(Node, "n2", group="gpu", interfaces={"BMC": {"networks": []}})
    with pytest.raises(AlreadyExists, match=r"node n1: the address 10.141.0.1 belongs to node n2"):
        undo(cluster, gone)


def test_the_cluster_itself_is_undone_last(cluster: Any) -> None:
    with pytest.raises(BadInput, match=r"cluster: it can't be removed while the store has other objects"):
        undo(cluster, 1)
    for number in range(last(cluster), 0, -1):
        undo(cluster, number)
    assert cluster.luna.read(exchange.export) == {"luna": 1}
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


@pytest.mark.parametrize("number", [0, -1, 99, 10**30])
def test_a_change_that_never_was(cluster: Any, number: int) -> None:
    with pytest.raises(BadInput, match=f"There is no change {number}; 'luna history' lists them, and the last is 11"):
        undo(cluster, number)


def test_what_machines_report_is_no_history(cluster: Any) -> None:
    """A node's state has the node's id, and neither hides the other."""
    node = cluster.add(Node, "n1", group="compute")
    before = last(cluster)

    def report(work: Any) -> None:
        assert work.get(Node, "n1")
        work.put(NodeState(id=node.id, name="n1", state="up"))
        assert [one.state for one in work.all(NodeState)] == ["up"]

    cluster.luna.note(report)
    cluster.luna.change(lambda work: work.put(work.by_id(NodeState, node.id).changed(state="down")), "x")
    assert (last(cluster), cluster.luna.read(lambda work: work.by_id(NodeState, node.id).state)) == (before, "down")
    assert cluster.luna.read(lambda work: work.by_id(Node, node.id)) == cluster.luna.read(
        lambda work: work.get(Node, "n1")
    )
    with pytest.raises(RuntimeError, match=r"group objects are changed with Luna\.change"):
        cluster.luna.note(lambda work: objects.change(work, Group, "gpu", {"comment": "x"}))
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def test_object_changes_have_both_sides(cluster: Any) -> None:
    cluster.change(Cluster, "cluster", comment="new")
    (change,) = cluster.luna.read(lambda work: history.object_changes(work, history.last_number(work.transaction)))
    assert (change.kind, change.name) == ("cluster", "cluster")
    assert list(differences(change.before, change.after)) == [("comment", None, "new")]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {}, []),
        (None, {"a": 1}, [("a", None, 1)]),
        ({"a": 1}, None, [("a", 1, None)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", 2, 3)]),
        ({"a": {"b": 1}}, {}, [("a.b", 1, None)]),
        ({"i": {}}, {"i": {"eth0": {}}}, [("i.eth0", None, {})]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
        ({"a": {"b": 1}}, {"a": 5}, [("a", {"b": 1}, 5)]),
    ],
)
def test_differences(before: Any, after: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert list(differences(before, after)) == found
