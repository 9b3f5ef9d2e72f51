"""Automatic names, renames, clones, and deletion of what is in use."""

import re
from typing import Any

import pytest

from luna_core.errors import AlreadyExists, BadInput, InUse, NotFound
from luna_core.model import BmcSetup, Cluster, Group, Network, Node, OsImage, Switch
from luna_core.operations import doctor, exchange, history, nodes, objects


def next_names(admin: Any, count: int, **more: Any) -> list[str]:
    names: list[str] = admin.luna.read(
        lambda work: nodes.next_names(work, count, **{"prefix": "node", "digits": 3, **more})
    )
    return names


def test_automatic_names_follow_the_highest(cluster: Any) -> None:
    assert next_names(cluster, 2) == ["node001", "node002"]
    for name in ("node007", "node9", "node-x", "node10a", "eden050", "xnode080"):
        cluster.add(Node, name, group="compute")
    assert next_names(cluster, 2) == ["node010", "node011"]
    cluster.add(Node, "node1200", group="compute")
    assert next_names(cluster, 1) == ["node1201"]


def test_the_prefix_is_a_text_not_a_set_of_characters(cluster: Any) -> None:
    """The original found the number 5 in eden005 too."""
    for name in ("eden005", "oden006", "nxde007"):
        cluster.add(Node, name, group="compute")
    assert next_names(cluster, 1) == ["node001"]
    assert next_names(cluster, 1, prefix="n.de") == ["n.de001"]


@pytest.mark.parametrize("count", [0, -1, 100_001])
def test_a_senseless_count(cluster: Any, count: int) -> None:
    with pytest.raises(BadInput, match=f"node: count: {count} was given; accepted is a number from 1 to 100000"):
        next_names(cluster, count)


def test_ports_and_macs_go_to_the_nodes_in_their_order(cluster: Any) -> None:
    cluster.add(Switch, "sw")
    macs = [f"52:54:00:00:00:0{number}" for number in (3, 1, 2)]
    cluster.luna.change(
        lambda work: nodes.add_nodes(
            work, ["b", "a", "c"], {"group": "compute", "switch": "sw"}, ports=["7", "8", "9"], macs=macs
        ),
        "",
    )
    found = cluster.luna.read(lambda work: {one.name: (one.port, one.macs()) for one in work.all(Node)})
    assert found == {"b": ("7", macs[:1]), "a": ("8", macs[1:2]), "c": ("9", macs[2:])}
    with pytest.raises(BadInput, match=r"node: 2 ports were given for 1 nodes; accepted is one for each"):
        cluster.luna.change(lambda work: nodes.add_nodes(work, ["d"], {"group": "compute"}, ports=["1", "2"]), "")


def test_selection(cluster: Any) -> None:
    cluster.add(Group, "thin", parent="compute", tags=["ib"])
    cluster.add(Switch, "sw")
    for name, group, more in (("n1", "compute", {"rack": "r1"}), ("n2", "thin", {}), ("n10", "gpu", {"tags": ["ib"]})):
        cluster.add(Node, name, group=group, **more)
    cluster.change(Node, "n1", switch="sw", port="1")

    def select(text: str) -> list[str]:
        return [one.name for one in cluster.luna.read(lambda work: nodes.select(work, text))]

    assert select("@all") == ["n1", "n2", "n10"]
    assert select("@compute") == select("@group:compute") == ["n1", "n2"]
    assert select("@tag:ib") == ["n2", "n10"]
    assert select("@rack:r1,@switch:sw") == ["n1"]
    assert select("@osimage:rocky!n2") == ["n1", "n10"]
    assert select("@state:unknown&n[1-5]") == ["n1", "n2"]
    with pytest.raises(NotFound, match=r"There is no node 'n100'\. Did you mean n10 or n1\? .luna node list. shows"):
        select("n[1-2],n100")
    with pytest.raises(BadInput, match=r"'@foo:bar' was given; accepted are @GROUP"):
        select("@foo:bar")


def test_renaming_breaks_nothing(cluster: Any) -> None:
    cluster.add(Node, "n1", group="compute")
    before = cluster.luna.read(exchange.export)

    def rename(work: Any) -> None:
        kinds: Any = {
            Network: "boot",
            OsImage: "rocky",
            BmcSetup: "default",
            Group: "compute",
            Node: "n1",
            Cluster: "cluster",
        }
        for model, name in kinds.items():
            objects.rename(work, model, name, f"{name}2")

    cluster.luna.change(rename, "rename")
    assert cluster.addresses("n12") == {"BOOTIF": ["10.141.0.1"], "BMC": ["10.148.0.1"]}
    after = cluster.luna.read(exchange.export)
    assert after["node"]["n12"]["group"] == "compute2"
    assert after["group"]["compute2"]["interfaces"]["BOOTIF"]["networks"] == ["boot2"]
    text = str(after)
    for name in ("boot", "rocky", "default", "compute", "n1"):
        text = text.replace(f"'{name}2'", f"'{name}'")
    assert text.replace("'cluster2'", "'cluster'") == str(before)
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def test_names_that_swap_in_one_change(cluster: Any) -> None:
    for name in ("a", "b"):
        cluster.add(Node, name, group="compute", comment=name)

    def swap(work: Any) -> None:
        one, other = work.get(Node, "a"), work.get(Node, "b")
        work.put(one.changed(name="b"))
        work.put(other.changed(name="a"))
        assert work.get(Node, "a").comment == "b"
        assert work.get(Node, "b").comment == "a"

    before = cluster.luna.read(exchange.export)
    cluster.luna.change(swap, "swap")
    assert cluster.addresses("a")["BOOTIF"] == ["10.141.0.2"]
    cluster.luna.change(lambda work: history.undo(work, history.last_number(work.transaction)), "undo")
    assert cluster.luna.read(exchange.export) == before


def test_a_taken_name_is_refused(cluster: Any) -> None:
    with pytest.raises(AlreadyExists, match=r"group gpu: the name is taken"):
        cluster.luna.change(lambda work: objects.rename(work, Group, "compute", "gpu"), "")
    with pytest.raises(BadInput, match=r"cluster other: the store has cluster cluster already; accepted is only one"):
        cluster.add(Cluster, "other", frontend_addresses=["10.0.0.1"])


@pytest.mark.parametrize(
    ("model", "name", "users"),
    [
        (Network, "ipmi", "group compute, group gpu, node n1, node n2, node n3, node n4, node n5, node n6, node n7, "
                          "node n8 and 4 more"),
        (OsImage, "rocky", "group compute, group gpu"),
        (BmcSetup, "default", "group compute, group gpu"),
        (Switch, "sw", "node n1"),
    ],
)  # fmt: skip
def test_what_is_used_is_not_deleted_and_its_users_are_named(cluster: Any, model: Any, name: str, users: str) -> None:
    cluster.add(Switch, "sw")
    names = [f"n{number}" for number in range(1, 13)]
    cluster.luna.change(lambda work: nodes.add_nodes(work, names, {"group": "compute"}), "")
    cluster.change(Node, "n1", switch="sw", port="1")
    with pytest.raises(InUse, match=f"{model.kind} {name} can't be deleted: it is used by {users}"):
        cluster.delete(model, name)
    with pytest.raises(InUse, match=r"group compute can't be deleted: it is used by node n1, "):
        cluster.delete(Group, "compute")


def test_users_go_with_what_they_use_in_one_change(cluster: Any) -> None:
    cluster.add(Node, "n1", group="gpu")

    def both(work: Any) -> None:
        objects.delete(work, Group, "gpu")
        objects.delete(work, Node, "n1")

    cluster.luna.change(both, "")
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def test_the_cluster_stays(cluster: Any) -> None:
    with pytest.raises(BadInput, match=r"cluster cluster: it can't be deleted"):
        cluster.delete(Cluster, "cluster")


def test_a_clone_has_everything_but_what_cannot_be_shared(cluster: Any) -> None:
    cluster.add(Switch, "sw")
    own = {"interfaces": {"BOOTIF": {"mac": "525400000001", "options": "x"}}, "rack": "r1", "serial": "s"}
    cluster.add(Node, "n1", group="compute", switch="sw", port="1", comment="c", **own)
    clone = cluster.luna.change(lambda work: objects.clone(work, Node, "n1", "n2", {"comment": "d"}), "")
    assert (clone.rack, clone.comment, clone.port, clone.serial) == ("r1", "d", None, None)
    assert (clone.interfaces["BOOTIF"].options, clone.interfaces["BOOTIF"].mac) == ("x", None)
    assert cluster.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.2"]}
    group = cluster.luna.change(lambda work: objects.clone(work, Group, "compute", "compute2", {}), "")
    assert group.interfaces == cluster.luna.read(lambda work: work.get(Group, "compute")).interfaces


@pytest.mark.parametrize("given", ["To be filled by O.E.M.", "Default string", "0123456789", "None", " ", "00000000"])
@pytest.mark.parametrize("field", ["serial", "asset_tag"])
def test_what_firmware_says_for_want_of_a_number_is_no_node_s_own(cluster: Any, field: str, given: str) -> None:
    cluster.add(Node, "n1", group="compute")
    with pytest.raises(BadInput, match=rf"node n1: {field}: '{re.escape(given)}' was given; accepted is the machine's"):
        cluster.change(Node, "n1", **{field: given})
    cluster.change(Node, "n1", **{field: "4X0123456789"})
