"""Machines that wait for a name, and nodes and their switch ports, on the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from luna_core.boot import waiting
from luna_core.boot.weigh import Waits
from luna_core.operations import connect
from luna_core.types import Answer, Machine, Sighting

MAC, SECOND = "52:54:00:00:00:99", "52:54:00:00:01:99"
NAME = "52-54-00-00-00-99"

Luna = Callable[..., Any]


@pytest.fixture
def machine(cluster: Luna) -> None:
    """A machine with two cards that was seen where node002 belongs."""
    asked = Machine(macs=(MAC, SECOND), address="10.141.128.7", serial="SN-9")
    seen = Answer(plugin="switchport", value=Sighting(mac=MAC, place="switch sw01 port 2", node="node002", age_s=4))
    waits = Waits("It waits.", f"luna node adopt {NAME} node002 --replace")
    with connect() as luna:
        luna.note(lambda work: waiting.remember(work, asked, waits, [seen], "2026-11-22T10:00:00.000+00:00"))


def node(cluster: Luna, name: str) -> Any:
    return cluster(f"node show {name} -o json").json


def macs(cluster: Luna, name: str) -> Any:
    return cluster(f"node list {name} -o json").json[0]["macs"]


def test_machines_that_wait_are_listed_with_all_that_is_known(cluster: Luna, machine: None) -> None:
    (row,) = cluster("node unknown -o json").json
    assert (row["name"], row["macs"], row["address"], row["serial"]) == (NAME, [MAC, SECOND], "10.141.128.7", "SN-9")
    assert (row["first_seen"], row["nodes"]) == ("2026-11-22T10:00:00.000+00:00", ["node002"])
    assert row["sightings"][0]["place"] == "switch sw01 port 2"
    table = cluster("node unknown").out
    assert all(text in table for text in (SECOND, "10.141.128.7", "SN-9", "switch sw01 port 2"))
    assert f"{NAME}: It waits.\n    luna node adopt {NAME} node002 --replace\n" in table


def test_a_machine_is_forgotten(cluster: Luna, machine: None) -> None:
    assert cluster(f"node unknown forget {SECOND}").status == 0
    assert cluster("node unknown list -o json").json == []
    assert "No machine waits" in cluster("node unknown").err
    missing = cluster(f"node unknown forget {MAC}")
    assert missing.status == 2
    assert f"There is no waiting machine '{MAC}'. 'luna node unknown' shows those that exist." in missing.err


def test_adoption_gives_the_card_that_it_boots_from(cluster: Luna, machine: None) -> None:
    assert cluster(f"node adopt {NAME} node002 --dry-run").status == 0
    assert macs(cluster, "node002") == []
    done = cluster(f"node adopt {SECOND.upper()} node002")
    assert (done.status, done.out) == (0, "node002\n")
    assert macs(cluster, "node002") == [MAC]
    assert cluster("node unknown -o json").json == []


def test_a_node_with_a_card_is_only_replaced_when_that_is_said(cluster: Luna, machine: None) -> None:
    cluster("node change node002 --mac 52:54:00:00:00:02")
    refused = cluster(f"node adopt {NAME} node002")
    assert (refused.status, "52:54:00:00:00:02; accepted is --replace" in refused.err) == (2, True)
    assert macs(cluster, "node002") == ["52:54:00:00:00:02"]
    assert cluster(f"node adopt {NAME} node002 --replace").status == 0
    assert macs(cluster, "node002") == [MAC]


def test_a_card_of_another_node_is_only_taken_when_that_is_said(cluster: Luna, machine: None) -> None:
    cluster(f"node interface add node003 eth1 --mac {SECOND}")
    refused = cluster(f"node adopt {NAME} node002")
    assert (refused.status, "belongs to node node003" in refused.err) == (2, True)
    assert cluster(f"node adopt {NAME} node002 --replace").status == 0
    assert (macs(cluster, "node002"), macs(cluster, "node003")) == ([MAC], [])


def test_a_machine_that_is_a_node_can_become_another(cluster: Luna) -> None:
    cluster(f"node change node001 --mac {MAC}")
    assert cluster(f"node adopt {MAC} node002").status == 2
    assert cluster(f"node adopt {MAC} node002 --replace").status == 0
    assert (macs(cluster, "node001"), macs(cluster, "node002")) == ([], [MAC])


def test_a_group_makes_a_new_node(cluster: Luna, machine: None) -> None:
    done = cluster(f"node adopt {NAME} --group compute")
    assert (done.status, done.out) == (0, "node005\n")
    assert macs(cluster, "node005") == [MAC]
    cluster(f"node adopt {MAC} login1 --group compute --replace")
    assert (macs(cluster, "node005"), macs(cluster, "login1")) == ([], [MAC])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (f"node adopt {NAME}", "accepted is the name of a node, or --group"),
        (f"node adopt {NAME} node777", "no node 'node777'"),
        ("node adopt 52:54:00:00:00:11 node002", "52:54:00:00:00:11"),
        ("node adopt nonsense node002", "accepted is a MAC"),
        (f"node adopt {NAME} --group nowhere", "no group 'nowhere'"),
    ],
)
def test_what_can_not_be_adopted_changes_nothing(cluster: Luna, machine: None, line: str, sentence: str) -> None:
    before = cluster("export").out
    refused = cluster(line)
    assert (refused.status, sentence in refused.err) == (2, True), refused.err
    assert cluster("export").out == before
    assert len(cluster("node unknown -o json").json) == 1


class TestPorts:
    def test_a_rack_is_mapped_in_one_line(self, cluster: Luna) -> None:
        line = "switch add sw02 --address 10.148.255.2 --ports node[001-002]=1-2 --ports node[003-004]=ge-0/0/[0-1]"
        assert cluster(line).status == 0
        places = {row["name"]: (row["switch"], row["port"]) for row in cluster("node list -o json").json}
        assert places == {
            "node001": ("sw02", "1"),
            "node002": ("sw02", "2"),
            "node003": ("sw02", "ge-0/0/0"),
            "node004": ("sw02", "ge-0/0/1"),
        }
        assert cluster("undo").status == 0
        assert node(cluster, "node001")["port"] is None, "it was one change"

    def test_a_dry_run_shows_it_and_writes_nothing(self, cluster: Luna) -> None:
        shown = cluster("switch add sw02 --ports node[001-002]=1-2 --dry-run")
        assert "port: - → 2" in shown.out
        assert [row["name"] for row in cluster("switch list -o json").json] == ["sw01"]

    @pytest.mark.parametrize(
        ("ports", "sentence"),
        [
            ("node[001-003]=1-2", "2 ports for 3 nodes"),
            ("node[001-002]", "accepted is HOSTLIST=PORTS"),
            ("=1-2", "accepted is HOSTLIST=PORTS"),
            ("node[001-002]=1-x", "port"),
            ("node[008-009]=1-2", "node008"),
        ],
    )
    def test_a_bad_mapping_adds_no_switch(self, cluster: Luna, ports: str, sentence: str) -> None:
        refused = cluster("switch", "add", "sw02", "--ports", ports)
        assert (refused.status, sentence in refused.err) == (2, True), refused.err
        assert [row["name"] for row in cluster("switch list -o json").json] == ["sw01"]

    def test_a_port_of_two_nodes_names_both(self, cluster: Luna) -> None:
        cluster("switch change sw01 --ports node[001-002]=1-2")
        refused = cluster("switch change sw01 --ports node003=2")
        assert refused.status == 2
        assert "node003" in refused.err
        assert "node002" in refused.err
        twice = cluster("switch change sw01 --ports node003=7 --ports node004=7")
        assert "node003" in twice.err
        assert "node004" in twice.err

    def test_a_moved_node_takes_the_place_of_the_one_that_was_there(self, cluster: Luna) -> None:
        cluster("switch change sw01 --ports node[001-002]=Gi1/0/[1-2]")
        shown = cluster("node move node001 --switch sw01 --port gi1/0/2 --dry-run")
        assert "changed node node002" in shown.out
        assert cluster("node move node001 --switch sw01 --port gi1/0/2").status == 0
        assert (node(cluster, "node001")["port"], node(cluster, "node002")["port"]) == ("gi1/0/2", None)


def test_naming_is_kept_in_the_history(cluster: Luna, machine: None) -> None:
    cluster(f"node adopt {NAME} node002")
    newest = json.loads(cluster("history -o json").out)[0]
    assert newest["what"] == f"node adopt {NAME} node002"


def test_doctor_tells_of_machines_that_wait(cluster: Luna, machine: None) -> None:
    findings = {one["check"]: one for one in json.loads(cluster("doctor -o json").out)}
    found = findings[f"machine {NAME}"]
    assert (found["status"], found["remedy"]) == ("warning", f"luna node adopt {NAME} node002 --replace")
    assert "It waits." in found["message"]


def test_doctor_says_that_no_machine_is_known_without_the_plugin(cluster: Luna) -> None:
    findings = {one["check"]: one for one in json.loads(cluster("doctor -o json").out)}
    assert findings["plugin mac"]["status"] == "warning"
    assert "luna-discovery-mac" in findings["plugin mac"]["remedy"]
